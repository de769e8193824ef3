package cli

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reports"
	v1 "github.com/netassay/netassay/reports/v1"
)

func fetch(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v\n%s", res.Status, err, text)
	}
	return string(text)
}

func TestScrape(t *testing.T) {
	var errs bytes.Buffer
	s := scrape{address: ":0"}
	end, err := s.serve(IO{Err: &errs})
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSpace(strings.TrimPrefix(errs.String(), "metrics: "))
	if !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Errorf("it listens at %q, want loopback", url)
	}
	s.watch(&v1.Cell{Outcome: v1.Fail, Kind: v1.Leak})
	if text := fetch(t, url); !strings.Contains(text, "netassay_run_failures_total{kind=\"leak\"} 1\n") {
		t.Errorf("got\n%s", text)
	}
	end()
	if res, err := http.Get(url); err == nil {
		_ = res.Body.Close()
		t.Error("it is served after the end")
	}
}

func TestNoScrape(t *testing.T) {
	var s scrape
	end, err := s.serve(IO{})
	if err != nil {
		t.Fatal(err)
	}
	s.watch(&v1.Note{})
	end()
	for address, want := range map[string]string{
		"9464":            `--metrics-listen "9464": give HOST:PORT, or :PORT for loopback only`,
		"256.0.0.1:1":     `--metrics-listen "256.0.0.1:1": `,
		"192.0.2.1:99999": `--metrics-listen "192.0.2.1:99999": `,
	} {
		if _, err := (&scrape{address: address}).listen(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// Whatever leaves records can be asked how far it is.
func TestEachExperimentIsScraped(t *testing.T) {
	all := everyCommand()
	for _, name := range []string{"conformance", "verify", "fuzz", "chaos", "scale", "footprint"} {
		if all[name].Flags().Lookup("metrics-listen") == nil {
			t.Errorf("%s has no --metrics-listen", name)
		}
	}
}

// A run on paper is asked while it plays a case.
func TestFuzzIsScraped(t *testing.T) {
	said, errs := io.Pipe()
	scraped := make(chan struct{})
	open := func(model.Snapshot) (func(model.Flow) (model.Verdict, error), error) {
		<-scraped
		return func(model.Flow) (model.Verdict, error) { return model.Allow, nil }, nil
	}
	urls, ended := make(chan string, 1), make(chan int)
	go func() {
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if url, ok := strings.CutPrefix(lines.Text(), "metrics: "); ok {
				urls <- url
			}
		}
	}()
	args := []string{"fuzz", "--against", "paper", "--seed", "3", "--steps", "3", "--shrink-time", "0s", "--metrics-listen", ":0", "--out", filepath.Join(t.TempDir(), "out")}
	go func() { ended <- Main(t.Context(), args, IO{Out: io.Discard, Err: errs, Paper: open}) }()
	url, text := <-urls, ""
	const want = `netassay_run_info{cluster="paper",experiment="fuzz"`
	for deadline := time.Now().Add(time.Minute); !strings.Contains(text, want) && time.Now().Before(deadline); {
		text = fetch(t, url) // the records begin a moment after the socket
	}
	if !strings.Contains(text, want) {
		t.Errorf("got\n%s", text)
	}
	close(scraped)
	if code := <-ended; code != exitFail {
		t.Errorf("exit code %d", code)
	}
}

// A run that failed or was stopped has left a page, if it came so far.
func TestEndNamesThePage(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	stopped := errors.New("stopped")
	for _, there := range []bool{false, true} {
		if there {
			if err := os.WriteFile(filepath.Join(dir, reports.PageFile), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		out.Reset()
		if err := (IO{Out: &out}).end(dir, v1.VerdictVoid, nil, stopped); !errors.Is(err, stopped) {
			t.Errorf("ended with %v", err)
		}
		if !strings.Contains(out.String(), "results: "+dir) || strings.Contains(out.String(), "page:    "+filepath.Join(dir, reports.PageFile)+"\n") != there {
			t.Errorf("a page is there %v: said %q", there, &out)
		}
	}
}
