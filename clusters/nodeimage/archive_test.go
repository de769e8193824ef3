package nodeimage

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestArchiveIsMadeOncePerProgram(t *testing.T) {
	cache, file := t.TempDir(), filepath.Join(t.TempDir(), "some-build-of-it")
	make1 := func(content string) (string, string) {
		t.Helper()
		program(t, file, content)
		archive, ref, err := Archive(t.Context(), probe(file), cache)
		if err != nil {
			t.Fatal(err)
		}
		return archive, ref
	}
	first, ref := make1("one")
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(first, old, old); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(first)
	if err != nil {
		t.Fatal(err)
	}
	again, againRef := make1("one")
	same, err := os.Stat(again)
	if err != nil {
		t.Fatal(err)
	}
	if again != first || againRef != ref || !os.SameFile(info, same) || same.Size() != info.Size() {
		t.Errorf("the same program became %s (%s), then %s (%s)", first, ref, again, againRef)
	}
	if !same.ModTime().After(old) {
		t.Error("an archive that is used does not count as used")
	}
	if other, otherRef := make1("two"); other == first || otherRef == ref {
		t.Errorf("another program became %s (%s) as well", other, otherRef)
	}
}

func TestArchiveKeepsTheLastFew(t *testing.T) {
	cache, file := t.TempDir(), filepath.Join(t.TempDir(), "probe")
	var last string
	for i := range keptPrograms + 3 {
		program(t, file, string(rune('a'+i)))
		archive, _, err := Archive(t.Context(), probe(file), cache)
		if err != nil {
			t.Fatal(err)
		}
		last = archive
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(last), "probe-*.tar"))
	if err != nil || len(left) != keptPrograms {
		t.Errorf("%d archives left (%v), want %d", len(left), err, keptPrograms)
	}
	if _, err := os.Stat(last); err != nil {
		t.Errorf("the last one: %v", err)
	}
}

func TestArchiveOfNothing(t *testing.T) {
	if _, _, err := Archive(t.Context(), probe(filepath.Join(t.TempDir(), "none")), t.TempDir()); err == nil {
		t.Error("a program that is not there became an image")
	}
}

// probe is the image of a program that runs as nobody.
func probe(file string) Program {
	return Program{Name: "netassay.local/probe", File: file, User: "65532:65532"}
}
