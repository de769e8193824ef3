package page_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/netassay/netassay/reports/internal/nights"
	"github.com/netassay/netassay/reports/page"
	"github.com/netassay/netassay/reports/trend"
	"github.com/netassay/netassay/reports/trend/changepoint"
	"github.com/netassay/netassay/reports/trendpage"
)

// The page of a trend stands on this package's frame, and is looked at as its own pages are.
func TestTrendPageInABrowser(t *testing.T) {
	all, err := trend.Of(nights.Invent(30, 1), changepoint.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "trend.html")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := trendpage.Write(f, all); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	page.Inspect(t, path)
}
