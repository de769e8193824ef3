package image

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// entry is one file of the image. Without a source and a link it is a directory.
type entry struct {
	name   string // absolute, clean
	mode   fs.FileMode
	source string // where the bytes are on this machine
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

// writeTar writes the tree in the order of names, with no owner but root and no time but
// the epoch, so that equal trees are equal bytes.
func (t tree) writeTar(w io.Writer) error {
	tw := tar.NewWriter(w)
	names := make([]string, 0, len(t))
	for name := range t {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := t[name].write(tw); err != nil {
			return fmt.Errorf("pack %s: %w", name, err)
		}
	}
	return tw.Close()
}

func (e entry) write(tw *tar.Writer) error {
	h := &tar.Header{Name: strings.TrimPrefix(e.name, "/"), Mode: int64(e.mode.Perm()), Format: tar.FormatPAX}
	switch {
	case e.link != "":
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, e.link, 0o777
	case e.source == "":
		h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
		if e.mode&fs.ModeSticky != 0 {
			h.Mode |= 0o1000
		}
	default:
		return e.writeFile(tw, h)
	}
	return tw.WriteHeader(h)
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
