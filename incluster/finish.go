package incluster

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/netassay/netassay/incluster/outcome"
	"github.com/netassay/netassay/reports"
)

// finish leaves results and says that they are there. reason is why the experiment is unfinished,
// "" when it is not. Whoever calls it has the lock, or has given up the one who has it.
func (p *place) finish(e outcome.Ending) (reason string, err error) {
	document, reason := p.document(e)
	name := Archive
	err = p.create(Archive, func(f *os.File) error { return p.pack(f, document) })
	if err != nil {
		name = Alone // there may be room for that
		if second := p.write(Alone, document); second != nil {
			return reason, errors.Join(err, second)
		}
	}
	return reason, errors.Join(err, p.write(DoneFile, []byte(p.path(name))))
}

// foretell leaves a document that says unfinished, for those who take what lies here before there
// is a done. Without it they have less to read, and no more green.
func (p *place) foretell() {
	document, _ := outcome.Document(nil, outcome.Report{Ending: outcome.Ending{Failed: "its results were taken before it came to its end"}})
	_ = p.write(Alone, document)
}

// document is the JUnit document of the experiment, and why it is unfinished.
func (p *place) document(e outcome.Ending) (document []byte, reason string) {
	out := p.path(OutDir)
	own, _ := os.ReadFile(filepath.Join(out, reports.JUnitFile)) // one that is missing is judged as such
	summary, err := os.ReadFile(filepath.Join(out, reports.SummaryFile))
	whole := err == nil
	if !whole {
		if partial, err := partialJUnit(out, e.Unfinished()); err == nil {
			own = partial
		}
	}
	return outcome.Document(own, outcome.Report{
		Ending: e, Results: whole, Log: p.tail(), Figures: outcome.Figures(summary),
	})
}

// pack writes the archive: all of the experiment's result directory but its JUnit document, in
// whose place is the one that also tells how it ended, and the log.
func (p *place) pack(w io.Writer, document []byte) error {
	zip := gzip.NewWriter(w)
	archive := tar.NewWriter(zip)
	now := time.Now()
	err := archive.WriteHeader(&tar.Header{Name: reports.JUnitFile, Mode: 0o644, Size: int64(len(document)), ModTime: now})
	if err == nil {
		_, err = archive.Write(document)
	}
	if err == nil {
		err = p.packTree(archive)
	}
	if err == nil {
		err = packFile(archive, p.path(LogFile), LogFile)
	}
	return errors.Join(err, archive.Close(), zip.Close())
}

func (p *place) packTree(archive *tar.Writer) error {
	root := p.path(OutDir)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err // directories come with what is in them
		}
		name, err := filepath.Rel(root, path)
		if err != nil || name == reports.JUnitFile {
			return err
		}
		return packFile(archive, path, filepath.ToSlash(name))
	})
	if errors.Is(err, fs.ErrNotExist) && !exists(root) {
		return nil // it left nothing
	}
	return err
}

// packFile adds a file as it is now: one that still grows is cut, one that is not there is left
// out.
func packFile(archive *tar.Writer, path, name string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h := &tar.Header{Name: name, Mode: 0o644, Size: info.Size(), ModTime: info.ModTime()}
	if err := archive.WriteHeader(h); err != nil {
		return err
	}
	if _, err := io.CopyN(archive, f, info.Size()); err != nil {
		return fmt.Errorf("pack %s: %w", name, err)
	}
	return nil
}
