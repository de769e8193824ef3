package image

import (
	"embed"
	"io"

	"golang.org/x/mod/sumdb/dirhash"
)

// sources are what makes an image of what is given.
//
//go:embed archive.go collect.go oci.go tree.go
var sources embed.FS

// Recipe identifies how images are made: equal Options and Recipe, on an equal system, are
// equal bytes. Caches of images have it in their keys.
func Recipe() string {
	sum, err := dirhash.Hash1([]string{"archive.go", "collect.go", "oci.go", "tree.go"}, func(name string) (io.ReadCloser, error) {
		return sources.Open(name)
	})
	if err != nil {
		panic(err) // the files are part of the program
	}
	return sum
}
