package image

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
)

// sources are what makes an image of what is given.
//
//go:embed archive.go collect.go tree.go
var sources embed.FS

// Recipe identifies how images are made: equal Options and Recipe, on an equal system, are
// equal bytes. Caches of images have it in their keys.
func Recipe() string {
	h := sha256.New()
	err := fs.WalkDir(sources, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := sources.ReadFile(name)
		fmt.Fprintf(h, "%s %d:%s", name, len(text), text)
		return err
	})
	if err != nil {
		panic(err) // the files are part of the program
	}
	return hex.EncodeToString(h.Sum(nil))
}
