package image

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// TypeBill is the media type of a bill.
const TypeBill = "application/vnd.cyclonedx+json"

// Bill is the bill of materials of an image: its programs, and of each the modules that the Go
// toolchain has noted in it, as CycloneDX JSON. Equal programs have equal bills: it tells no time.
func Bill(o Options) ([]byte, error) {
	if len(o.Refs) == 0 {
		return nil, fmt.Errorf("write bill of materials: no name")
	}
	name, version, _ := strings.Cut(o.Refs[0], ":")
	b := bill{modules: map[string]cdx.Component{}}
	for _, file := range append([]string{o.Program}, o.More...) {
		if err := b.add(file); err != nil {
			return nil, fmt.Errorf("write bill of materials: %w", err)
		}
	}
	doc := cdx.NewBOM()
	doc.Metadata = &cdx.Metadata{Component: &cdx.Component{
		BOMRef: "image", Type: cdx.ComponentTypeContainer, Name: name, Version: version,
		Properties: &[]cdx.Property{{Name: "architecture", Value: o.Arch}},
	}}
	components := b.programs
	for _, ref := range slices.Sorted(maps.Keys(b.modules)) {
		components = append(components, b.modules[ref])
	}
	doc.Components, doc.Dependencies = &components, &b.needs
	var out bytes.Buffer
	enc := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON)
	enc.SetPretty(true)
	if err := enc.EncodeVersion(doc, cdx.SpecVersion1_6); err != nil {
		return nil, fmt.Errorf("write bill of materials: %w", err)
	}
	return out.Bytes(), nil
}

// bill is a bill in the making.
type bill struct {
	programs []cdx.Component
	modules  map[string]cdx.Component // by package URL
	needs    []cdx.Dependency
}

// add adds a Go program.
func (b *bill) add(file string) error {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read modules of %s: %w", file, err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	ref := "/" + filepath.Base(file)
	b.programs = append(b.programs, cdx.Component{
		BOMRef: ref, Type: cdx.ComponentTypeApplication, Name: info.Path, Version: info.Main.Version,
		Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}},
	})
	needs := []string{b.module("stdlib", strings.TrimPrefix(info.GoVersion, "go"), "")}
	for _, m := range info.Deps {
		needs = append(needs, b.dependency(m))
	}
	slices.Sort(needs)
	b.needs = append(b.needs, cdx.Dependency{Ref: ref, Dependencies: &needs})
	return nil
}

// dependency adds a module as it was built, by its replacement if it has one.
func (b *bill) dependency(m *debug.Module) string {
	if m.Replace != nil {
		m = m.Replace
	}
	return b.module(m.Path, m.Version, m.Sum)
}

// module adds a module, and gives its package URL. sum is its line in go.sum.
func (b *bill) module(path, version, sum string) string {
	// https://github.com/package-url/purl-spec: names of Go modules are written in lower case.
	purl := "pkg:golang/" + strings.ToLower(path) + "@" + strings.ReplaceAll(url.PathEscape(version), "+", "%2B")
	c := cdx.Component{BOMRef: purl, Type: cdx.ComponentTypeLibrary, Name: path, Version: version, PackageURL: purl}
	if sum != "" {
		c.Properties = &[]cdx.Property{{Name: "go.sum", Value: sum}}
	}
	b.modules[purl] = c
	return purl
}
