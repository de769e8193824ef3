package sonobuoy

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmware-tanzu/sonobuoy/pkg/client"
	"github.com/vmware-tanzu/sonobuoy/pkg/client/results"
	"github.com/vmware-tanzu/sonobuoy/pkg/config"
	"github.com/vmware-tanzu/sonobuoy/pkg/plugin/loader"
	"github.com/vmware-tanzu/sonobuoy/pkg/plugin/manifest"
)

// definitions are the plugins that netassay sonobuoy gen prints.
func definitions(t *testing.T) map[string]*manifest.Manifest {
	t.Helper()
	files, err := filepath.Glob("../../examples/sonobuoy/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("definitions %v: %v", files, err)
	}
	all := map[string]*manifest.Manifest{}
	for _, file := range files {
		m, err := loader.LoadDefinitionFromFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".yaml")] = m
	}
	return all
}

// The loader reads all that a definition says.
func TestDefinitions(t *testing.T) {
	for name, m := range definitions(t) {
		c := m.SonobuoyConfig
		if c.Driver != "Job" || c.PluginName != "netassay-"+name || c.ResultFormat != results.ResultFormatJUnit ||
			len(c.ResultFiles) != 1 || c.Description == "" || c.SourceURL == "" {
			t.Errorf("%s: %+v", name, c)
		}
		if m.PodSpec == nil || len(m.PodSpec.Containers) != 1 || m.PodSpec.Containers[0].Name != "watch" || m.PodSpec.NodeSelector["kubernetes.io/os"] != "linux" {
			t.Errorf("%s: pod %+v", name, m.PodSpec)
		}
		if m.Spec.Name != "plugin" || len(m.Spec.Args) == 0 || m.Spec.Args[len(m.Spec.Args)-1] != name {
			t.Errorf("%s: container %+v", name, m.Spec)
		}
		if _, err := loader.LoadAllPlugins("sonobuoy", "image", "IfNotPresent", "", nil, []string{"../../examples/sonobuoy"}, nil); err != nil {
			t.Error(err)
		}
	}
}

// sonobuoy gen takes them, mounts the volume for results once in each container, where they look
// for it, and tells the port for progress.
func TestGeneratedManifest(t *testing.T) {
	for name, m := range definitions(t) {
		text, plugins, err := (&client.SonobuoyClient{}).GenerateManifestAndPlugins(&client.GenConfig{
			Config: config.New(), StaticPlugins: []*manifest.Manifest{m}, DynamicPlugins: nil, KubeVersion: "v1.37.2",
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(plugins) != 1 || !strings.Contains(string(text), "netassay-"+name) {
			t.Fatalf("%s: %d plugins:\n%s", name, len(plugins), text)
		}
		p := plugins[0]
		for _, c := range append(p.PodSpec.Containers, p.Spec.Container) {
			if len(c.VolumeMounts) != 1 || c.VolumeMounts[0].Name != "results" || c.VolumeMounts[0].MountPath != "/tmp/sonobuoy/results" {
				t.Errorf("%s: container %s mounts %+v", name, c.Name, c.VolumeMounts)
			}
		}
		env := map[string]string{}
		for _, e := range p.Spec.Env {
			env[e.Name] = e.Value
		}
		if env["SONOBUOY_PROGRESS_PORT"] != "8099" || env["SONOBUOY_RESULTS_DIR"] != "/tmp/sonobuoy/results" {
			t.Errorf("%s: environment %v", name, env)
		}
	}
}

// The documents that are left are read as they are meant: an unfinished experiment is failed, with
// its reason; figures are among details.
func TestDocuments(t *testing.T) {
	for _, tc := range []struct{ file, status, detail string }{
		{"passed.xml", results.StatusPassed, "memory: 7 MiB"},
		{"unfinished.xml", results.StatusFailed, "unfinished: its process was killed"},
	} {
		item, err := results.JunitProcessFile("testdata", filepath.Join("testdata", tc.file))
		if err != nil {
			t.Fatal(err)
		}
		if item.Status != tc.status || !strings.Contains(details(item), tc.detail) {
			t.Errorf("%s: status %s, details %q", tc.file, item.Status, details(item))
		}
	}
}

// details are what an item and all below it say.
func details(item results.Item) string {
	var all strings.Builder
	for _, d := range item.Details {
		if text, ok := d.(string); ok {
			all.WriteString(text + "\n")
		}
	}
	for _, child := range item.Items {
		all.WriteString(details(child))
	}
	return all.String()
}
