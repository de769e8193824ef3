package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Options say what to build.
type Options struct {
	Program string // static, becomes /enforcer
	Name    string // e.g. netassay/enforcer
	Version string // becomes the tag
	Archive string // file for docker load and ctr image import
	Root    string // file for docker import, and the only layer; "" is none
}

// Build writes the image.
func Build(ctx context.Context, o Options) error {
	t, err := collect(ctx, o.Program)
	if err != nil {
		return err
	}
	root := o.Root
	if root == "" {
		dir, err := os.MkdirTemp("", "image-")
		if err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
		defer os.RemoveAll(dir)
		root = filepath.Join(dir, "root.tar")
	}
	sum, err := writeRoot(root, t)
	if err != nil {
		return err
	}
	config, manifest, err := o.describe(sum)
	if err != nil {
		return err
	}
	return writeArchive(o.Archive, []part{
		{name: configName(config), body: config},
		{name: layerName(sum), file: root},
		{name: "manifest.json", body: manifest},
	})
}

func configName(config []byte) string {
	sum := sha256.Sum256(config)
	return hex.EncodeToString(sum[:]) + ".json"
}

func layerName(sum string) string { return sum + "/layer.tar" }

// writeRoot writes the layer and returns the hash of its bytes.
func writeRoot(name string, t tree) (sum string, err error) {
	f, err := os.Create(name)
	if err != nil {
		return "", fmt.Errorf("write layer: %w", err)
	}
	h := sha256.New()
	err = t.writeTar(io.MultiWriter(f, h))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return "", fmt.Errorf("write layer: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// epoch is when everything in the image was made, so that equal inputs are equal bytes.
const epoch = "1970-01-01T00:00:00Z"

// describe is the image's configuration and the archive's table of contents, in the words
// of the Docker image specification v1.2.
func (o Options) describe(layer string) (config, manifest []byte, err error) {
	type object = map[string]any
	config, err = json.Marshal(object{
		"architecture": runtime.GOARCH, "os": "linux", "created": epoch,
		"config": object{
			"Entrypoint": []string{"/enforcer"},
			"Env":        []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
			"Labels":     object{"org.opencontainers.image.title": o.Name, "org.opencontainers.image.version": o.Version},
		},
		"rootfs":  object{"type": "layers", "diff_ids": []string{"sha256:" + layer}},
		"history": []object{{"created": epoch, "created_by": "make image"}},
	})
	if err != nil {
		return nil, nil, fmt.Errorf("encode configuration: %w", err)
	}
	manifest, err = json.Marshal([]object{{
		"Config":   configName(config),
		"RepoTags": []string{o.Name + ":" + tag(o.Version), o.Name + ":latest"},
		"Layers":   []string{layerName(layer)},
	}})
	if err != nil {
		return nil, nil, fmt.Errorf("encode manifest: %w", err)
	}
	return config, manifest, nil
}

// tag is a version in the characters that a tag may have.
func tag(version string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return '-'
	}, version)
}

// part is one member of the archive.
type part struct {
	name string
	body []byte
	file string // instead of body
}

func writeArchive(name string, parts []part) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("write archive: %w", cerr)
		}
	}()
	tw := tar.NewWriter(f)
	for _, p := range parts {
		if err := p.write(tw); err != nil {
			return fmt.Errorf("write archive: %s: %w", p.name, err)
		}
	}
	if err := tw.Close(); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	return nil
}

func (p part) write(tw *tar.Writer) error {
	var body io.Reader = bytes.NewReader(p.body)
	size := int64(len(p.body))
	if p.file != "" {
		f, err := os.Open(p.file)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		body, size = f, info.Size()
	}
	h := &tar.Header{Name: p.name, Typeflag: tar.TypeReg, Mode: 0o644, Size: size, Format: tar.FormatPAX}
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	_, err := io.Copy(tw, body)
	return err
}
