package chaos

import (
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/chaos/account"
)

// The versions of the large policy share no CIDR, none can be merged with another, and
// none holds an address of the lab: it would decide a flow's verdict.
func TestCIDRs(t *testing.T) {
	const n = 20_000
	seen := map[netip.Prefix]bool{}
	for _, v := range []version{open, closed} {
		for _, peer := range cidrs(v, n) {
			p := netip.MustParsePrefix(peer.IPBlock.CIDR)
			if p != p.Masked() || seen[p] || seen[sibling(p)] {
				t.Fatalf("%s can be merged or is there twice", p)
			}
			seen[p] = true
			for _, used := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "13.0.0.0/8", "fd00::/8", "fe80::/10"} {
				if netip.MustParsePrefix(used).Overlaps(p) {
					t.Fatalf("%s overlaps %s", p, used)
				}
			}
		}
	}
	if len(seen) != 2*n {
		t.Errorf("%d CIDRs, want %d", len(seen), 2*n)
	}
}

// sibling is the other half of the prefix one bit shorter.
func sibling(p netip.Prefix) netip.Prefix {
	bytes := p.Addr().AsSlice()
	bit := p.Bits() - 1
	bytes[bit/8] ^= 0x80 >> (bit % 8)
	a, _ := netip.AddrFromSlice(bytes)
	return netip.PrefixFrom(a, p.Bits())
}

func TestWrite(t *testing.T) {
	tally := account.Tally{UDP: account.Counts{MustDrop: 10, MustPass: 10}, TCP: account.Counts{MustDrop: 1, MustPass: 1}, Ticks: 20}
	half := &Result{Backend: "nft", Tally: tally, Create: Samples{Call: []float64{9, 5}, Ack: []float64{8, 4}}, Done: Done{Kills: 3}}
	for _, tc := range []struct {
		name    string
		results []*Result
		failed  error
		want    v1.Verdict
		figures map[string]any
	}{
		{"two backends", []*Result{half, half}, nil, v1.VerdictPass, map[string]any{
			"must_drop": 20.0, "kills": 6.0, "n": 4.0, "create_p99_ms": 8.0, "create_call_p99_ms": 9.0, "edit10k_p99_ms": nil, "floor_ms": nil, "repair_max_ms": nil,
		}},
		{"one could not be finished", []*Result{half}, errors.New("broke"), v1.VerdictVoid, map[string]any{"must_drop": 10.0}},
		{"none", nil, nil, v1.VerdictVoid, map[string]any{"must_drop": 0.0, "n": 0.0, "create_p99_ms": nil}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := Write(dir, tc.results, Summarize(tc.results, 7, account.Limits{MaxMissed: 0.1}, tc.failed)); err != nil {
				t.Fatal(err)
			}
			var got struct {
				Verdict v1.Verdict
				Figures map[string]any
			}
			text, err := os.ReadFile(filepath.Join(dir, "summary.json"))
			if err == nil {
				err = json.Unmarshal(text, &got)
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Verdict != tc.want {
				t.Errorf("verdict %s, want %s", got.Verdict, tc.want)
			}
			for name, want := range tc.figures {
				if v, ok := got.Figures[name]; !ok || v != want {
					t.Errorf("%s: got %v, want %v", name, v, want)
				}
			}
			report, err := os.ReadFile(filepath.Join(dir, "report.txt"))
			if err != nil || !strings.Contains(string(report), "verdict: "+string(tc.want)) {
				t.Errorf("report: %v\n%s", err, report)
			}
		})
	}
}

// The repair of a drift takes until the last packet that went wrong.
func TestRepairSample(t *testing.T) {
	var s Samples
	s.add(100*time.Millisecond, []account.Finding{
		{Drift: true, To: 150 * time.Millisecond},
		{Drift: true, To: 120 * time.Millisecond},
		{To: 900 * time.Millisecond},
	})
	s.add(100*time.Millisecond, nil)
	if len(s.Call) != 1 || s.Call[0] != 50 || s.Void != 1 {
		t.Errorf("got %+v", s)
	}
}
