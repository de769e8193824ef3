package manifests

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/netassay/netassay/internal/strictyaml"
	"github.com/netassay/netassay/reach/inventory"
)

// Options say what manifests leave open. The zero Options are what kubectl would take.
type Options struct {
	// Namespace is that of objects which name none; "" is default.
	Namespace string
	// PodCIDRs are where invented addresses of pods are taken from, at most one of each family;
	// none are kind's, 10.244.0.0/16 and fd00:10:244::/56.
	PodCIDRs []netip.Prefix
	// Stdin is what the path - reads.
	Stdin io.Reader
	// Expectations takes what stands among manifests and says what is expected of them; nil leaves
	// it out.
	Expectations func(d *strictyaml.Document) error
}

// defaultPodCIDRs are kind's and kubeadm's, of which many clusters are made.
func defaultPodCIDRs() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00:10:244::/56")}
}

// Read reads files, directories (with all below them that ends in .yaml, .yml or .json; hidden
// ones are left out) and standard input, in that order. The error has one line for each mistake.
func Read(paths []string, o Options) (*inventory.Inventory, error) {
	r := newReader(o)
	for _, path := range paths {
		if err := r.path(path, o.Stdin); err != nil {
			return nil, err
		}
	}
	return r.done()
}

// Parse reads the documents of one file; name is how errors call it.
func Parse(name string, data []byte, o Options) (*inventory.Inventory, error) {
	r := newReader(o)
	r.file(name, data)
	return r.done()
}

// reader gathers objects. It goes on after a mistake, to report them all.
type reader struct {
	namespace string
	expect    func(d *strictyaml.Document) error
	builder   inventory.Builder
	addresses addresses
	errs      []error
}

func newReader(o Options) *reader {
	cidrs := o.PodCIDRs
	if len(cidrs) == 0 {
		cidrs = defaultPodCIDRs()
	}
	return &reader{namespace: cmp.Or(o.Namespace, "default"), expect: o.Expectations, addresses: addresses{cidrs: cidrs}}
}

func (r *reader) done() (*inventory.Inventory, error) {
	if err := errors.Join(r.errs...); err != nil {
		return nil, err
	}
	return r.builder.Done(), nil
}

func (r *reader) path(path string, stdin io.Reader) error {
	if path == "-" {
		if stdin == nil {
			return errors.New("read -: there is no standard input")
		}
		data, err := io.ReadAll(stdin)
		if err != nil {
			return fmt.Errorf("read standard input: %w", err)
		}
		r.file("standard input", data)
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return unreadable(path, err)
	}
	files := []string{path}
	if info.IsDir() {
		if files, err = below(path); err != nil {
			return err
		}
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return unreadable(name, err)
		}
		r.file(name, data)
	}
	return nil
}

func unreadable(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: there is no such file or directory: give manifests, or - for standard input", path)
	}
	return fmt.Errorf("read manifests: %w", err)
}

// below are the manifests of a directory and of all directories in it, sorted.
func below(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != dir && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
		case !d.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)):
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read manifests: %w", err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: no file in it ends in .yaml, .yml or .json: give a directory of manifests", dir)
	}
	return files, nil
}

func (r *reader) file(name string, data []byte) {
	docs, err := strictyaml.Split(name, data)
	if err != nil {
		r.errs = append(r.errs, templated(data, err))
	}
	for _, d := range docs {
		if expects(d) {
			if r.expect != nil {
				r.errs = append(r.errs, r.expect(d))
			}
			continue
		}
		if d.Text("apiVersion") == "" || d.Text("kind") == "" {
			err := d.ErrorOn(d.Root, "has no apiVersion and kind, so it is no Kubernetes object: leave the file out, or give what kustomize build or helm template prints")
			r.errs = append(r.errs, templated(data, err))
			continue
		}
		if err := r.document(d); err != nil {
			r.errs = append(r.errs, err)
		}
	}
}

// ExpectationsKind is the kind of a document that says what is expected of manifests; it may be
// left out.
const ExpectationsKind = "Expectations"

func expects(d *strictyaml.Document) bool {
	kind := d.Text("kind")
	return kind == ExpectationsKind || kind == "" && strictyaml.Child(d.Root, "expect") != nil
}

// templated adds the likely reason to an error of a file that no renderer has seen.
func templated(data []byte, err error) error {
	if !strings.Contains(string(data), "{{") {
		return err
	}
	return fmt.Errorf("%w: it looks like a template, so give what helm template prints, by -f -", err)
}

// document reads one object, or those of a list.
func (r *reader) document(d *strictyaml.Document) error {
	apiVersion, kind := d.Text("apiVersion"), d.Text("kind")
	items := strictyaml.Child(d.Root, "items")
	if !strings.HasSuffix(kind, "List") || items == nil {
		return r.object(d, apiVersion, kind)
	}
	if strings.Contains(d.Name, "items[") { // which an alias could make endless
		return d.ErrorOn(d.Root, "is a list in a list: write one list")
	}
	if items.Kind != yaml.SequenceNode {
		if items.Tag == "!!null" {
			return nil
		}
		return d.ErrorOn(items, "items is no list: begin each of them with a dash")
	}
	var errs []error
	for i := range items.Content {
		n := strictyaml.Child(items, i)
		item := &strictyaml.Document{File: d.File, Name: fmt.Sprintf("items[%d]", i), Root: n, Aliases: d.Aliases}
		if d.Name != "" {
			item.Name = d.Name + " " + item.Name
		}
		impliedKind(n, apiVersion, kind)
		if item.Text("apiVersion") == "" || item.Text("kind") == "" {
			errs = append(errs, item.ErrorOn(n, "has no apiVersion and kind, so it is no Kubernetes object"))
			continue
		}
		errs = append(errs, r.document(item))
	}
	return errors.Join(errs...)
}

// impliedKind gives an item of a typed list, such as a PodList, what the list alone says.
func impliedKind(n *yaml.Node, apiVersion, kind string) {
	kind = strings.TrimSuffix(kind, "List")
	if n.Kind != yaml.MappingNode || kind == "" || strictyaml.Child(n, "kind") != nil {
		return
	}
	for _, pair := range [][2]string{{"apiVersion", apiVersion}, {"kind", kind}} {
		n.Content = append(n.Content, scalar(n, pair[0]), scalar(n, pair[1]))
	}
}

func scalar(at *yaml.Node, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Line: at.Line}
}
