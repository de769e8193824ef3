package reports

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
)

// writerDir names, in the environment, the directory in which a process of this test writes records
// until it is killed.
const writerDir = "NETASSAY_TEST_WRITER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerDir); dir != "" {
		writeForEver(dir)
	}
	os.Exit(m.Run())
}

func writeForEver(path string) {
	dir, err := Open(path, nil)
	if err != nil {
		panic(err)
	}
	dir.Append(&v1.RunConditions{Schema: v1.Schema, ID: "killed", Engine: "reference", Started: time.Now(), Order: []string{"case-000", "and more"}})
	for i := 0; ; i++ {
		c := playedCase(fmt.Sprintf("case-%03d", i))
		dir.Append(c.Records()...)
		<-time.After(time.Millisecond)
	}
}

// playedCase is a case with a cell.
func playedCase(name string) *v1.Case {
	cell := v1.Cell{Case: name, Step: "s", Client: "x/a", Server: "y/b", Path: "pod", Family: "IPv4", Protocol: "TCP", Port: 80, Want: "Allow", Seen: "Connected", Outcome: v1.Pass, Probes: 3}
	return &v1.Case{Name: name, Title: "it works", Outcome: v1.Pass, Steps: []v1.Step{{Name: "s", Outcome: v1.Pass, Cells: []v1.Cell{cell}}}}
}

// pageWith waits for the page in dir to hold text, and gives it.
func pageWith(t *testing.T, dir, text string) string {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		page, err := os.ReadFile(filepath.Join(dir, PageFile))
		if err == nil && bytes.Contains(page, []byte(text)) {
			return string(page)
		}
		if time.Now().After(deadline) {
			t.Fatalf("no page with %q: %v, %d bytes", text, err, len(page))
		}
		<-time.After(5 * time.Millisecond)
	}
}

// A run that is killed leaves a page that says so and shows what was seen, and its records make
// one that shows all of it.
func TestKilledRunHasAPage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	writer := exec.Command(os.Args[0])
	writer.Env = append(os.Environ(), writerDir+"="+dir)
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	pageWith(t, dir, "Cases passed")
	if err := writer.Process.Kill(); err != nil { // SIGKILL
		t.Fatal(err)
	}
	_ = writer.Wait()
	for _, again := range []bool{false, true} {
		if again {
			s, err := Salvage(dir)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.WritePage(nil, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		page := pageWith(t, dir, "")
		for _, want := range []string{"Unfinished: the run goes on, or was killed", `<span class="badge odd">unfinished</span>`, "reference", "</html>"} {
			if !strings.Contains(page, want) {
				t.Errorf("written again %v: the page lacks %q", again, want)
			}
		}
	}
}

// A page follows its run, is whole at the end, and costs little meanwhile.
func TestPageFollowsTheRun(t *testing.T) {
	path := t.TempDir()
	dir := open(t, path)
	dir.Append(&v1.RunConditions{Schema: v1.Schema, ID: "follows", Engine: "reference", Started: time.Now(), Order: []string{"first", "second"}})
	pageWith(t, path, "0 of 2") // at once
	dir.Append(playedCase("first").Records()...)
	dir.mu.Lock()
	pending, next := dir.live.pending != nil, time.Until(dir.live.next)
	dir.mu.Unlock()
	if !pending || next < pageEvery/2 {
		t.Errorf("something is new: a page is pending %v, in %v; want one in %v", pending, next, pageEvery)
	}
	var run v1.Run
	for _, r := range []v1.Record{&v1.RunConditions{Schema: v1.Schema, Engine: "reference", Order: []string{"first"}}, playedCase("first")} {
		if err := run.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := dir.Conformance(&run); err != nil {
		t.Fatal(err)
	}
	page := pageWith(t, path, "1 of 1")
	if strings.Contains(page, "Unfinished:") || !strings.Contains(page, `<span class="badge good">pass</span>`) {
		t.Error("the page of a run that came to its end says that it did not")
	}
	if left := dir.live.pending; left != nil && left.Stop() {
		t.Error("a page was still to be written after the end")
	}
}

// However long a page takes to write, pages take 1 % of a core at most.
func TestPagesCostLittle(t *testing.T) {
	for took, least := range map[time.Duration]time.Duration{0: pageEvery, time.Millisecond: pageEvery, 2 * time.Second: 200 * time.Second} {
		var d Directory
		d.wrote(took)
		if wait := time.Until(d.live.next); wait < least-time.Second || wait > least {
			t.Errorf("after a page that took %v the next waits %v, want %v", took, wait, least)
		}
	}
}
