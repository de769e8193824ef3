package image

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
)

// entry is one file of a tar: a link, a directory by its mode, or bytes.
type entry struct {
	name   string // clean, and in a tree absolute
	mode   fs.FileMode
	source string // where the bytes are on this machine
	body   []byte // the bytes when source is ""
	link   string // what a symbolic link says
}

// tree is a root filesystem.
type tree map[string]entry

// put adds an entry and the directories above it.
func (t tree) put(e entry) {
	for dir := path.Dir(e.name); dir != "/"; dir = path.Dir(dir) {
		if _, ok := t[dir]; !ok {
			t[dir] = entry{name: dir, mode: 0o755 | fs.ModeDir}
		}
	}
	t[e.name] = e
}

// entries are those of the tree in the order of names.
func (t tree) entries() []entry {
	var all []entry
	for _, name := range slices.Sorted(maps.Keys(t)) {
		all = append(all, t[name])
	}
	return all
}

// writeTar writes entries to a file and returns the hash of its bytes. They have no owner
// but root and no time but the epoch, so that equal entries are equal bytes.
func writeTar(name string, entries []entry) (sum string, err error) {
	f, err := os.Create(name)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	tw := tar.NewWriter(io.MultiWriter(f, h))
	for _, e := range entries {
		if err := e.write(tw); err != nil {
			return "", fmt.Errorf("pack %s: %w", e.name, err)
		}
	}
	if err := tw.Close(); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (e entry) write(tw *tar.Writer) error {
	h := &tar.Header{Name: strings.TrimPrefix(e.name, "/"), Mode: int64(e.mode.Perm()), Format: tar.FormatPAX}
	switch {
	case e.link != "":
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, e.link, 0o777
	case e.mode.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
		if e.mode&fs.ModeSticky != 0 {
			h.Mode |= 0o1000
		}
	case e.source != "":
		return e.writeFile(tw, h)
	default:
		h.Typeflag, h.Size = tar.TypeReg, int64(len(e.body))
	}
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	_, err := tw.Write(e.body)
	return err
}

func (e entry) writeFile(tw *tar.Writer, h *tar.Header) error {
	f, err := os.Open(e.source)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h.Typeflag, h.Size = tar.TypeReg, info.Size()
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(tw, f)
	return err
}
