package incluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/netassay/netassay/internal/flock"
)

// What lies in the results directory. All but OutDir belong to whoever has the lock, and to a
// watcher that has given that one up.
const (
	DoneFile = "done"            // the name of the file with the results, written last
	Archive  = "netassay.tar.gz" // the result directory, with log and JUnit document
	Alone    = "junit.xml"       // the document alone, where there was no room for an archive
	OutDir   = "run"             // the experiment's own result directory
	LogFile  = "log.txt"         // what it printed

	lockFile  = ".netassay-lock"
	begunFile = ".netassay-begun"
)

// place is the results directory.
type place struct {
	dir  string
	lock *os.File // nil when another process has it, or nobody
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

// begun is what Run leaves of itself for Watch.
type begun struct {
	Until time.Time     `json:"until"` // when the experiment is over at the latest
	Grace time.Duration `json:"grace"` // that it has to end when it is asked to
}

// take takes the lock.
func (p *place) take() (err error) {
	p.lock, err = flock.Take(p.path(lockFile))
	return err
}

// release frees the lock.
func (p *place) release() {
	if p.lock != nil {
		_ = p.lock.Close()
	}
}

// done reports whether results are there, of ours.
func (p *place) done() bool {
	named := p.named()
	return named == Archive || named == Alone
}

// named is the file that done names, "" without one.
func (p *place) named() string {
	name, err := os.ReadFile(p.path(DoneFile))
	if err != nil {
		return ""
	}
	return filepath.Base(strings.TrimSpace(string(name)))
}

// retract takes a done back that names a file of somebody else's, and reports whether there was
// one. Sonobuoy's worker sends what lies here when it takes all other containers for completed,
// as it does when the API server has not been told of any yet. Before it sends it looks once more,
// five seconds later, and without a done it goes on waiting.
func (p *place) retract() bool {
	named := p.named()
	return named != "" && !p.done() && os.Remove(p.path(DoneFile)) == nil
}

// hasBegun reports whether Run has, in this life of its container or in one before.
func (p *place) hasBegun() bool { return exists(p.path(begunFile)) }

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// begin notes that the experiment begins, and how long it may take.
func (p *place) begin(deadline, grace time.Duration) error {
	text, err := json.Marshal(begun{Until: time.Now().UTC().Add(deadline + grace), Grace: grace})
	if err != nil {
		return err
	}
	return p.write(begunFile, text)
}

// earlier is what begin noted.
func (p *place) earlier() (b begun) {
	text, err := os.ReadFile(p.path(begunFile))
	if err == nil {
		err = json.Unmarshal(text, &b)
	}
	if err != nil {
		return begun{}
	}
	return b
}

// write writes a file that is whole or not there, also after the node has lost its power.
func (p *place) write(name string, text []byte) error {
	return p.create(name, func(f *os.File) error {
		_, err := f.Write(text)
		return err
	})
}

// create is write with a function that fills the file.
func (p *place) create(name string, fill func(*os.File) error) error {
	partial := p.partial(name)
	f, err := os.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, errors.Join(err, os.Remove(partial)))
	}
	if err := os.Rename(partial, p.path(name)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return p.sync()
}

// partial is where a file is written before it is whole. Who has given up the one with the lock
// has files of its own: the other may still be writing.
func (p *place) partial(name string) string {
	suffix := ".partial"
	if p.lock == nil {
		suffix = ".unlocked" + suffix
	}
	return p.path("." + strings.TrimPrefix(name, ".") + suffix)
}

// sync makes renames last.
func (p *place) sync() error {
	d, err := os.Open(p.dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// tail is the end of the experiment's log.
func (p *place) tail() string {
	const most = 16 << 10
	f, err := os.Open(p.path(LogFile))
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	text := make([]byte, min(info.Size(), most))
	n, _ := f.ReadAt(text, info.Size()-int64(len(text)))
	return string(text[:n])
}
