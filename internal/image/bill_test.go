package image

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// ownBill is the bill of an image of a program of ours, which is not this test: go test notes no
// modules in its programs.
func ownBill(t *testing.T) (text []byte, program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "make")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../hack/make").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := Bill(Options{Program: program, Arch: "amd64", Refs: []string{"r/netassay:v1"}})
	if err != nil {
		t.Fatal(err)
	}
	return text, program
}

// The modules of the bill are those that the go command finds in the program, and no other.
func TestBillHasTheModulesOfTheProgram(t *testing.T) {
	text, program := ownBill(t)
	out, err := exec.CommandContext(t.Context(), "go", "version", "-m", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(out)) {
		switch fields := strings.Fields(line); {
		case strings.HasPrefix(line, program):
			want = append(want, "stdlib "+strings.TrimPrefix(fields[len(fields)-1], "go"))
		case fields[0] == "dep":
			want = append(want, fields[1]+" "+fields[2])
		}
	}
	var doc cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(text), cdx.BOMFileFormatJSON).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	var got, refs []string
	for _, c := range *doc.Components {
		if c.Type == cdx.ComponentTypeLibrary {
			got, refs = append(got, c.Name+" "+c.Version), append(refs, c.BOMRef)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	slices.Sort(refs)
	if diff := cmp.Diff(want, got); diff != "" || len(got) < 3 {
		t.Errorf("modules (-program +bill):\n%s", diff)
	}
	if needs := (*doc.Dependencies)[0].Dependencies; !slices.Equal(*needs, refs) {
		t.Errorf("the program needs %v, the bill has %v", *needs, refs)
	}
	again, err := Bill(Options{Program: program, Arch: "amd64", Refs: []string{"r/netassay:v1"}})
	if err != nil || !bytes.Equal(text, again) {
		t.Errorf("two bills of the same program differ (%v)", err)
	}
}

// A bill is what CycloneDX's own schema says of version 1.6.
func TestBillFitsTheSchema(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir, compiler := filepath.Join(strings.TrimSpace(string(out)), "schema"), jsonschema.NewCompiler()
	const base = "http://cyclonedx.org/schema/"
	for name, file := range map[string]string{
		"bom-1.6.schema.json": "bom-1.6.schema.json", "spdx.schema.json": "spdx.schema.json", "jsf-0.82.schema.json": "jsf-0.82.schemax.json",
	} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err == nil {
			err = compiler.AddResource(base+name, schema)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	schema, err := compiler.Compile(base + "bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := ownBill(t)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(doc); err != nil {
		t.Error(err)
	}
	wrong := bytes.Replace(text, []byte(`"type": "library"`), []byte(`"type": "libraries"`), 1)
	if doc, err = jsonschema.UnmarshalJSON(bytes.NewReader(wrong)); err != nil || schema.Validate(doc) == nil {
		t.Errorf("a wrong type of a component fits: %v", err)
	}
}

// The bill of each architecture is in the layout, about its image.
func TestLayoutHasBills(t *testing.T) {
	all, archive := platforms(t), filepath.Join(t.TempDir(), "oci.tar")
	for i := range all {
		all[i].Bill = []byte(`{"bomFormat":"CycloneDX","of":"` + all[i].Arch + `"}`)
	}
	digest, err := Layout(t.Context(), archive, all...)
	if err != nil {
		t.Fatal(err)
	}
	parts := members(t, archive)
	var top, image struct{ Manifests []descriptor }
	if err := json.Unmarshal(parts["index.json"], &top); err != nil || len(top.Manifests) != 3 || top.Manifests[0].Digest != digest {
		t.Fatalf("index %s: %v", parts["index.json"], err)
	}
	load(t, parts, top.Manifests[0], &image)
	for i, d := range top.Manifests[1:] {
		var artifact struct {
			ArtifactType string
			Subject      descriptor
			Config       descriptor
			Layers       []descriptor
		}
		load(t, parts, d, &artifact)
		load(t, parts, artifact.Config, nil)
		load(t, parts, artifact.Layers[0], nil)
		text := parts[strings.TrimPrefix(blob(strings.TrimPrefix(artifact.Layers[0].Digest, "sha256:")), "/")]
		if artifact.Subject.Digest != image.Manifests[i].Digest || artifact.ArtifactType != TypeBill || d.ArtifactType != TypeBill || !bytes.Equal(text, all[i].Bill) {
			t.Errorf("artifact %+v of %+v: %s", artifact, d, text)
		}
	}
}
