package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// The media types of the OCI image specification v1.1.
const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar"
	typeEmpty    = "application/vnd.oci.empty.v1+json"
)

// descriptor says what a blob of a layout is.
type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
	// ArtifactType is what a manifest holds that is no image's.
	ArtifactType string            `json:"artifactType,omitempty"`
	Platform     map[string]string `json:"platform,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

// layout is an OCI image layout in the making.
type layout struct{ blobs tree }

// Layout writes one image for several architectures as an OCI layout in a tar, under the first
// name of the first. It returns the digest by which the image can be pinned.
func Layout(ctx context.Context, archive string, all ...Options) (digest string, err error) {
	if len(all) == 0 {
		return "", errors.New("build image: no architecture")
	}
	dir, err := os.MkdirTemp("", "image-")
	if err != nil {
		return "", fmt.Errorf("make directory: %w", err)
	}
	defer os.RemoveAll(dir)
	l := layout{tree{}}
	index := map[string]any{"schemaVersion": 2, "mediaType": typeIndex}
	var platforms, bills []descriptor
	for _, o := range all {
		d, err := l.platform(ctx, o, filepath.Join(dir, o.Arch+".tar"))
		if err != nil {
			return "", err
		}
		platforms = append(platforms, d)
		if o.Bill == nil {
			continue
		}
		if d, err = l.bill(o, d); err != nil {
			return "", err
		}
		bills = append(bills, d)
	}
	index["manifests"] = platforms
	image, err := l.put(typeIndex, index)
	if err != nil {
		return "", err
	}
	digest = image.Digest
	name := all[0].Refs[0]
	image.Annotations = map[string]string{"org.opencontainers.image.ref.name": name[strings.LastIndex(name, ":")+1:], "io.containerd.image.name": name}
	top, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": typeIndex, "manifests": append([]descriptor{image}, bills...)})
	if err != nil {
		return "", fmt.Errorf("encode index: %w", err)
	}
	files := append(l.blobs.entries(),
		entry{name: "index.json", mode: 0o644, body: top},
		entry{name: "oci-layout", mode: 0o644, body: []byte(`{"imageLayoutVersion":"1.0.0"}`)})
	_, err = writeTar(archive, files)
	return digest, err
}

// platform adds the image of one architecture. layer is a file for its only layer, which must
// stay until the layout is written.
func (l *layout) platform(ctx context.Context, o Options, layer string) (descriptor, error) {
	if len(o.Packages) > 0 {
		return descriptor{}, errors.New("build image: Debian's packages are those of this machine alone")
	}
	t, err := collect(ctx, o)
	if err != nil {
		return descriptor{}, err
	}
	sum, err := writeTar(layer, t.entries())
	if err != nil {
		return descriptor{}, fmt.Errorf("write layer: %w", err)
	}
	info, err := os.Stat(layer)
	if err != nil {
		return descriptor{}, err
	}
	l.blobs.put(entry{name: blob(sum), mode: 0o644, source: layer})
	text, _, err := describe(sum, o.config(), o.Refs)
	if err != nil {
		return descriptor{}, err
	}
	config := l.raw(typeConfig, text)
	d, err := l.put(typeManifest, map[string]any{
		"schemaVersion": 2, "mediaType": typeManifest, "config": config,
		"layers": []descriptor{{MediaType: typeLayer, Digest: "sha256:" + sum, Size: info.Size()}},
	})
	d.Platform = map[string]string{"os": "linux", "architecture": o.Arch}
	return d, err
}

// bill adds the bill of an image, as an artifact whose subject that is: registries list it as one
// of the image's referrers.
func (l *layout) bill(o Options, image descriptor) (descriptor, error) {
	layer := l.raw(TypeBill, o.Bill)
	layer.Annotations = map[string]string{"org.opencontainers.image.title": "netassay-" + o.Arch + ".cdx.json"}
	image.Platform = nil
	d, err := l.put(typeManifest, map[string]any{
		"schemaVersion": 2, "mediaType": typeManifest, "artifactType": TypeBill,
		"config": l.raw(typeEmpty, []byte("{}")), "layers": []descriptor{layer}, "subject": image,
	})
	d.ArtifactType = TypeBill
	return d, err
}

// put adds a JSON document.
func (l *layout) put(mediaType string, document any) (descriptor, error) {
	text, err := json.Marshal(document)
	if err != nil {
		return descriptor{}, fmt.Errorf("encode %s: %w", mediaType, err)
	}
	return l.raw(mediaType, text), nil
}

// raw adds bytes.
func (l *layout) raw(mediaType string, text []byte) descriptor {
	hash := sha256.Sum256(text)
	sum := hex.EncodeToString(hash[:])
	l.blobs.put(entry{name: blob(sum), mode: 0o644, body: text})
	return descriptor{MediaType: mediaType, Digest: "sha256:" + sum, Size: int64(len(text))}
}

func blob(sum string) string { return path.Join("/blobs/sha256", sum) }
