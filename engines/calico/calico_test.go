package calico

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/engines/objects"
)

// What is applied: the definitions beside the program, then the settings, which are whole.
func TestManifests(t *testing.T) {
	dir := t.TempDir()
	e := New(filepath.Join(dir, Name))
	if _, err := e.manifests(); err == nil || !strings.Contains(err.Error(), "remove "+dir) {
		t.Errorf("without definitions: error %v, want one that names the cure", err)
	}
	if err := os.Mkdir(filepath.Join(dir, crds), 0o755); err != nil {
		t.Fatal(err)
	}
	const definition = "kind: CustomResourceDefinition\nmetadata: {name: things.crd.projectcalico.org}\n"
	if err := os.WriteFile(filepath.Join(dir, crds, "things.yaml"), []byte(definition), 0o644); err != nil {
		t.Fatal(err)
	}
	manifests, err := e.manifests()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range manifests {
		all, err := objects.Parse(m.Name, m.Text)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range all {
			got = append(got, o.GetKind()+" "+o.GetName())
		}
	}
	want := []string{"CustomResourceDefinition things.crd.projectcalico.org", "ClusterInformation default", "FelixConfiguration default"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestProfile(t *testing.T) {
	p := Profile()
	if p.Name != Name {
		t.Errorf("the profile is of %s", p.Name)
	}
	for _, o := range p.Options {
		if !strings.HasPrefix(o.Name, "FELIX_") {
			t.Errorf("option %s is none of Felix'", o.Name)
		}
	}
}
