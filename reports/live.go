package reports

import (
	"io"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/netassay/netassay/reports/page"
	v1 "github.com/netassay/netassay/reports/v1"
)

// What pages cost while a run goes on is bounded, and everything else comes before them.
const (
	pageEvery = 5 * time.Second // at the soonest
	pageShare = 100             // the next page waits for so many times what the last took: 1 % of a core
	pageNice  = 15
)

// live is the page of a run that goes on: one that is killed leaves the last that was written.
// The lock of its Directory is held for all of it but writing.
type live struct {
	run     v1.Experiment // put together from the records
	pending *time.Timer   // of the next page, nil when there is nothing new
	next    time.Time     // when a page may be written again
	news    bool          // since the snapshot for the last page
	ended   bool
	writing sync.WaitGroup
}

// follow takes records over into the page. What can't be put together is no reason to end a run:
// the records are written.
func (d *Directory) follow(records []v1.Record) {
	l := &d.live
	for _, r := range records {
		if l.run == nil {
			l.run = v1.Begin(r)
		}
		if l.run != nil {
			_ = l.run.Add(r)
			l.news = true
		}
	}
	d.schedule()
}

// schedule has a page written when there is something new: the first at once, before anything is
// measured, and others as soon as they may be.
func (d *Directory) schedule() {
	l := &d.live
	switch {
	case l.ended || l.pending != nil || !l.news:
	case l.next.IsZero():
		l.news = false
		d.wrote(d.writePage(l.run))
	default:
		l.writing.Add(1)
		l.pending = time.AfterFunc(time.Until(l.next), d.nextPage)
	}
}

// nextPage writes what was seen so far, while the run goes on.
func (d *Directory) nextPage() {
	defer d.live.writing.Done()
	runtime.LockOSThread() // for good: the thread ends with the goroutine, and its niceness with it
	stepBack(pageNice)
	d.mu.Lock()
	run := v1.Snapshot(d.live.run)
	d.live.news = false
	d.mu.Unlock()
	took := d.writePage(run)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.live.pending = nil
	d.wrote(took)
	d.schedule()
}

// writePage writes a page and says how long it took. That it can't is no reason to end a run
// either: the page is written once more at the end.
func (d *Directory) writePage(run v1.Experiment) time.Duration {
	began := time.Now()
	_ = writeWhole(filepath.Join(d.path, PageFile), func(w io.Writer) error {
		return page.Write(w, run, nil, page.State{At: began})
	})
	return time.Since(began)
}

// wrote lets the next page wait.
func (d *Directory) wrote(took time.Duration) {
	d.live.next = time.Now().Add(max(pageEvery, pageShare*took))
}

// endPages has no page written any more, and waits for one that is being written.
func (d *Directory) endPages() {
	d.mu.Lock()
	d.live.ended = true
	if d.live.pending != nil && d.live.pending.Stop() {
		d.live.writing.Done()
	}
	d.mu.Unlock()
	d.live.writing.Wait()
}

// pageOf is the page of a run that has come to its end.
func pageOf(run v1.Experiment, sum any) file {
	return file{PageFile, func(w io.Writer) error { return page.Write(w, run, sum, page.State{Whole: true}) }}
}

// WritePage writes the page of a result directory anew, from what could be read of it. sum is what
// page.Write takes: figures that are made elsewhere. at is the time of a run that has no end.
func (s *Salvaged) WritePage(sum any, at time.Time) (path string, err error) {
	state := page.State{Whole: s.Verdict != "", At: at}
	for _, t := range s.Troubles {
		state.Troubles = append(state.Troubles, t.String())
	}
	for _, l := range s.Lacks {
		state.Troubles = append(state.Troubles, "this layout has no "+l)
	}
	path = filepath.Join(s.Dir, PageFile)
	return path, writeWhole(path, func(w io.Writer) error { return page.Write(w, s.Run, sum, state) })
}
