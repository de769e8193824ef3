package image

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// Options say what to build.
type Options struct {
	Program  string   // static
	Path     string   // what Program becomes, and the entry point; "" is / and its file name
	More     []string // further static programs, each / and its file name
	Arch     string   // that the programs are for, as Go calls it; "" is this machine's
	Packages []string // of Debian, whose programs are there too: see EnforcerPackages
	System   string   // root filesystem that has the packages; "" is this machine's
	Command  []string // arguments of the entry point
	User     string   // numeric UID:GID; "" is root
	Refs     []string // names with tags, e.g. from Ref
	Bill     []byte   // of its materials, as Bill makes it, which a layout holds beside it; nil is none
	Archive  string   // file for docker load and ctr image import
	Root     string   // file for docker import, and the only layer; "" is none
}

// EnforcerPackages are the Debian packages whose programs the enforcer calls. ipset looks
// up names of protocols, which netbase has.
func EnforcerPackages() []string { return []string{"iptables", "ipset", "netbase"} }

// Ref is name with a version as its tag.
func Ref(name, version string) string { return name + ":" + tag(version) }

// path is what the program becomes.
func (o Options) path() string {
	if o.Path == "" {
		return "/" + filepath.Base(o.Program)
	}
	return o.Path
}

// Build writes the image.
func Build(ctx context.Context, o Options) error {
	if len(o.Refs) == 0 {
		return errors.New("build image: no name")
	}
	t, err := collect(ctx, o)
	if err != nil {
		return err
	}
	root := o.Root
	if root == "" {
		dir, err := os.MkdirTemp("", "image-")
		if err != nil {
			return fmt.Errorf("make directory: %w", err)
		}
		defer os.RemoveAll(dir)
		root = filepath.Join(dir, "root.tar")
	}
	sum, err := writeTar(root, t.entries())
	if err != nil {
		return fmt.Errorf("write layer: %w", err)
	}
	return pack(o.Archive, root, sum, o.config(), o.Refs)
}

func configName(config []byte) string {
	sum := sha256.Sum256(config)
	return hex.EncodeToString(sum[:]) + ".json"
}

func layerName(sum string) string { return sum + "/layer.tar" }

// epoch is when everything in the image was made, so that equal inputs are equal bytes.
const epoch = "1970-01-01T00:00:00Z"

// Config is what an image says about how it is run, in the words of the Docker image
// specification v1.2.
type Config struct {
	Arch       string `json:"-"` // as Go calls it; "" is this machine's
	Entrypoint []string
	Cmd        []string          `json:",omitempty"`
	Env        []string          `json:",omitempty"`
	User       string            `json:",omitempty"`
	StopSignal string            `json:",omitempty"`
	Labels     map[string]string `json:",omitempty"`
}

// config is what the image of a program says.
func (o Options) config() Config {
	title, version, _ := strings.Cut(path.Base(o.Refs[0]), ":")
	return Config{
		Arch: o.Arch, Entrypoint: []string{o.path()}, Cmd: o.Command, User: o.User,
		Env: []string{"PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		Labels: map[string]string{
			"org.opencontainers.image.title": title, "org.opencontainers.image.version": version,
		},
	}
}

// Pack writes an image whose only layer is a tar, under refs.
func Pack(archive, layer string, c Config, refs []string) error {
	f, err := os.Open(layer)
	if err != nil {
		return fmt.Errorf("pack image: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("pack image: read layer: %w", err)
	}
	return pack(archive, layer, hex.EncodeToString(h.Sum(nil)), c, refs)
}

// pack is Pack for a layer of which the hash is known.
func pack(archive, layer, sum string, c Config, refs []string) error {
	config, manifest, err := describe(sum, c, refs)
	if err != nil {
		return err
	}
	_, err = writeTar(archive, []entry{
		{name: configName(config), mode: 0o644, body: config},
		{name: layerName(sum), mode: 0o644, source: layer},
		{name: "manifest.json", mode: 0o644, body: manifest},
	})
	if err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	return nil
}

// describe is the image's configuration and the archive's table of contents.
func describe(layer string, c Config, refs []string) (config, manifest []byte, err error) {
	type object = map[string]any
	config, err = json.Marshal(object{
		"architecture": cmp.Or(c.Arch, runtime.GOARCH), "os": "linux", "created": epoch,
		"config":  c,
		"rootfs":  object{"type": "layers", "diff_ids": []string{"sha256:" + layer}},
		"history": []object{{"created": epoch, "created_by": "netassay"}},
	})
	if err != nil {
		return nil, nil, fmt.Errorf("encode configuration: %w", err)
	}
	manifest, err = json.Marshal([]object{{
		"Config":   configName(config),
		"RepoTags": refs,
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
