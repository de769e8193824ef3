package cli

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

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
