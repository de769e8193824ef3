package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// platforms are options of an image of two programs, which are only files here.
func platforms(t *testing.T) []Options {
	t.Helper()
	var all []Options
	for _, arch := range []string{"amd64", "arm64"} {
		dir := t.TempDir()
		for _, name := range []string{"netassay", "probe"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(name+" for "+arch), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, Options{
			Program: filepath.Join(dir, "netassay"), More: []string{filepath.Join(dir, "probe")}, Arch: arch,
			User: "65534:65534", Refs: []string{"r/netassay:v1"}, Archive: filepath.Join(dir, "image.tar"),
		})
	}
	return all
}

// load reads a JSON document of a layout by its descriptor, which must be true.
func load(t *testing.T, parts map[string][]byte, d descriptor, into any) {
	t.Helper()
	text := parts["blobs/sha256/"+strings.TrimPrefix(d.Digest, "sha256:")]
	sum := sha256.Sum256(text)
	if got := "sha256:" + hex.EncodeToString(sum[:]); got != d.Digest || int64(len(text)) != d.Size {
		t.Fatalf("blob %s has hash %s, %d bytes, want %d", d.Digest, got, len(text), d.Size)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// A layout leads from its index to the programs of each architecture, by true hashes.
func TestLayout(t *testing.T) {
	all, archive := platforms(t), filepath.Join(t.TempDir(), "oci.tar")
	digest, err := Layout(context.Background(), archive, all...)
	if err != nil {
		t.Fatal(err)
	}
	parts := members(t, archive)
	type index struct{ Manifests []descriptor }
	var top, image index
	if err := json.Unmarshal(parts["index.json"], &top); err != nil || len(top.Manifests) != 1 || top.Manifests[0].Digest != digest {
		t.Fatalf("index %s: %v, want %s", parts["index.json"], err, digest)
	}
	load(t, parts, top.Manifests[0], &image)
	if len(image.Manifests) != len(all) {
		t.Fatalf("image %+v", image)
	}
	for i, d := range image.Manifests {
		var manifest struct {
			Config descriptor
			Layers []descriptor
		}
		load(t, parts, d, &manifest)
		var config struct {
			Architecture string
			Config       struct {
				User       string
				Entrypoint []string
			}
			RootFS struct {
				DiffIDs []string `json:"diff_ids"`
			}
		}
		load(t, parts, manifest.Config, &config)
		load(t, parts, manifest.Layers[0], nil)
		if d.Platform["architecture"] != all[i].Arch || config.Architecture != all[i].Arch || config.Config.User != "65534:65534" ||
			config.Config.Entrypoint[0] != "/netassay" || config.RootFS.DiffIDs[0] != manifest.Layers[0].Digest {
			t.Errorf("%+v of %+v", config, d)
		}
		layer := filepath.Join(t.TempDir(), "layer.tar")
		if err := os.WriteFile(layer, parts["blobs/sha256/"+strings.TrimPrefix(manifest.Layers[0].Digest, "sha256:")], 0o644); err != nil {
			t.Fatal(err)
		}
		if got := members(t, layer); string(got["netassay"]) != "netassay for "+all[i].Arch || string(got["probe"]) != "probe for "+all[i].Arch {
			t.Errorf("files of %s: %q", all[i].Arch, got)
		}
	}
}

// Equal programs are equal bytes; an archive for another machine says so.
func TestLayoutIsReproducible(t *testing.T) {
	all, dir := platforms(t), t.TempDir()
	var made [2][]byte
	for i := range made {
		file := filepath.Join(dir, "oci.tar")
		if _, err := Layout(context.Background(), file, all...); err != nil {
			t.Fatal(err)
		}
		var err error
		if made[i], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(made[0], made[1]) {
		t.Error("two layouts of the same programs differ")
	}
	if err := Build(context.Background(), all[1]); err != nil {
		t.Fatal(err)
	}
	found := false
	for name, text := range members(t, all[1].Archive) {
		found = found || strings.HasSuffix(name, ".json") && bytes.Contains(text, []byte(`"architecture":"arm64"`))
	}
	if !found {
		t.Error("the archive for arm64 does not say so")
	}
}
