package cli_test

import (
	"bufio"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A run in a sandbox, out of which no packet gets, is scraped on the host.
func TestLabRunIsScraped(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), program(t), "conformance", "--case", "isolation-ingress*", "--metrics-listen", ":0", "--out", filepath.Join(t.TempDir(), "out"))
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(errs)
	url, scraped := "", ""
	deadline := time.Now().Add(4 * time.Minute)
	for lines.Scan() && time.Now().Before(deadline) {
		if text, ok := strings.CutPrefix(lines.Text(), "metrics: "); ok {
			url = text
		}
		if strings.Contains(lines.Text(), " Pass ") && scraped == "" { // a case is over
			scraped = scrapeOnce(t, url)
		}
	}
	_ = cmd.Wait() // whether the engine passes is not the question
	for _, want := range []string{`netassay_run_info{cluster=`, `netassay_run_cases_total{outcome="pass"} `, "netassay_run_cases_planned ", `netassay_run_cells_total{outcome="pass"} `} {
		if !strings.Contains(scraped, want) {
			t.Errorf("%s is missing in what %s said:\n%s", want, url, scraped)
		}
	}
}

func scrapeOnce(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}
