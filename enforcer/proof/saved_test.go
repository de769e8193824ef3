package proof

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"

	"github.com/netassay/netassay/enforcer/simnet"
	"github.com/netassay/netassay/model"
)

// marshal writes a disagreement as an archive: the story as its comment, the snapshot and
// the flow as YAML.
func marshal(t *testing.T, d disagreement) []byte {
	t.Helper()
	return txtar.Format(&txtar.Archive{
		Comment: []byte(d.String() + "\n"),
		Files: []txtar.File{
			{Name: "snapshot.yaml", Data: toYAML(t, d.snapshot)},
			{Name: "flow.yaml", Data: toYAML(t, d.flow)},
		},
	})
}

func toYAML(t *testing.T, v any) []byte {
	t.Helper()
	b, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func unmarshal(path string) (model.Snapshot, model.Flow, error) {
	var s model.Snapshot
	var f model.Flow
	a, err := txtar.ParseFile(path)
	if err != nil {
		return s, f, err
	}
	targets := map[string]any{"snapshot.yaml": &s, "flow.yaml": &f}
	for _, file := range a.Files {
		target, ok := targets[file.Name]
		if !ok {
			return s, f, fmt.Errorf("%s: unknown file %s", path, file.Name)
		}
		if err := yaml.UnmarshalStrict(file.Data, target); err != nil {
			return s, f, fmt.Errorf("%s: %s: %w", path, file.Name, err)
		}
	}
	return s, f, nil
}

// TestSavedInputs runs the inputs that failed once.
func TestSavedInputs(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no saved inputs: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			s, f, err := unmarshal(path)
			if err != nil {
				t.Fatal(err)
			}
			d, err := check(s, []model.Flow{f}, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if d != nil {
				t.Error(d)
			}
		})
	}
}

// A failing input that is written and read again must fail the same way.
func TestSaveRoundTrip(t *testing.T) {
	d := convict(t, mutant{name: "no rules", edit: func(in simnet.Text) simnet.Text { return simnet.Text{} }})
	path := filepath.Join(t.TempDir(), "x.txtar")
	if err := os.WriteFile(path, marshal(t, *d), 0o644); err != nil {
		t.Fatal(err)
	}
	s, f, err := unmarshal(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := check(s, []model.Flow{f}, func(simnet.Text) simnet.Text { return simnet.Text{} }, nil)
	if err != nil || again == nil || again.String() != d.String() {
		t.Errorf("read again: %v, %v\nwant %v", again, err, d)
	}
}
