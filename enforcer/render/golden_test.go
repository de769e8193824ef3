package render_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/render"
	"github.com/netassay/netassay/internal/golden"
	"github.com/netassay/netassay/model"
)

// TestGolden reads objects as a user writes them and compares the text for node n1.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { checkText(t, path) })
	}
}

func checkText(t *testing.T, path string) {
	t.Helper()
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Files) == 0 || a.Files[0].Name != "objects.yaml" {
		t.Fatalf("%s: the first file must be objects.yaml", path)
	}
	opts, inputs := plan.Options{Node: "n1", Existing: plan.Keep}, 1
	if len(a.Files) > 1 && a.Files[1].Name == "links" { // ADDRESS INTERFACE, one a line
		opts.Links, inputs = map[netip.Addr]string{}, 2
		for line := range strings.Lines(string(a.Files[1].Data)) {
			words := strings.Fields(line)
			opts.Links[netip.MustParseAddr(words[0])] = words[1]
		}
	}
	p := plan.CompileWith(snapshot(t, a.Files[0].Data), opts)
	got := &txtar.Archive{Comment: a.Comment, Files: append(a.Files[:inputs:inputs], files(t, p)...)}
	golden.Check(t, path, txtar.Format(got))
}

func files(t *testing.T, p plan.Plan) []txtar.File {
	t.Helper()
	var out []txtar.File
	add := func(name string, write func(*bytes.Buffer) error) {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		if b.Len() > 0 {
			out = append(out, txtar.File{Name: name, Data: b.Bytes()})
		}
	}
	add("problems", func(b *bytes.Buffer) error {
		for _, x := range p.Problems {
			fmt.Fprintf(b, "%s/%s %s: %s\n", x.Namespace, x.Policy, x.Field, x.Detail)
		}
		return nil
	})
	add("sets", func(b *bytes.Buffer) error { return render.Sets(b, append(p.IPv4.Sets, p.IPv6.Sets...)) })
	add("rules.v4", func(b *bytes.Buffer) error { return render.Rules(b, render.Full(p.IPv4)) })
	add("rules.v6", func(b *bytes.Buffer) error { return render.Rules(b, render.Full(p.IPv6)) })
	return out
}

// snapshot reads a stream of YAML documents: Namespace, Node, Pod, NetworkPolicy.
func snapshot(t *testing.T, data []byte) model.Snapshot {
	t.Helper()
	var s model.Snapshot
	for _, doc := range strings.Split(string(data), "---\n") {
		var kind metav1.TypeMeta
		decode(t, doc, &kind, yaml.Unmarshal)
		switch kind.Kind {
		case "Namespace":
			var o corev1.Namespace
			decode(t, doc, &o, yaml.UnmarshalStrict)
			s.Namespaces = append(s.Namespaces, model.NamespaceFromAPI(&o))
		case "Node":
			var o corev1.Node
			decode(t, doc, &o, yaml.UnmarshalStrict)
			s.Nodes = append(s.Nodes, model.NodeFromAPI(&o))
		case "Pod":
			var o corev1.Pod
			decode(t, doc, &o, yaml.UnmarshalStrict)
			if p, ok := model.PodFromAPI(&o); ok {
				s.Pods = append(s.Pods, p)
			}
		case "NetworkPolicy":
			var o netv1.NetworkPolicy
			decode(t, doc, &o, yaml.UnmarshalStrict)
			s.Policies = append(s.Policies, &o)
		default:
			t.Fatalf("unknown kind %q in:\n%s", kind.Kind, doc)
		}
	}
	return s
}

func decode(t *testing.T, doc string, into any, how func([]byte, any, ...yaml.JSONOpt) error) {
	t.Helper()
	if err := how([]byte(doc), into); err != nil {
		t.Fatalf("%v in:\n%s", err, doc)
	}
}
