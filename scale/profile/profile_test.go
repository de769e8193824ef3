package profile

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/netassay/netassay/model"
)

func TestEveryNamedLoadRoundTrips(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			p := Named()[name]
			for _, line := range []string{p.String(), name} {
				got, err := Parse(line)
				if err != nil {
					t.Fatal(err)
				}
				if got != p {
					t.Errorf("%q gives %+v, want %+v", line, got, p)
				}
			}
		})
	}
}

func TestHeadlineIsTheDocumentedLimit(t *testing.T) {
	const want = "nodes=250 pods=20000 ns=100 local=80 policies=1000 ports=2 selectors=2 types=in:60,out:10,both:30 " +
		"peers=pod:60,ns:20,ip:20 cidrs=10 except=0.1 overlap=0.2 dedupe=friendly families=dual seed=1"
	if got := Named()["headline"].String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSizesOfTheIssueHaveNames(t *testing.T) {
	for _, n := range []string{"4", "5", "10", "100", "1000", "10000", "30000", "past-limit"} {
		if !slices.Contains(Names(), "ipblock-"+n) {
			t.Errorf("no profile ipblock-%s", n)
		}
	}
}

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		line string
		want func(*Profile)
	}{
		{"", func(*Profile) {}},
		{"  ns=7\tseed=18446744073709551615 ", func(p *Profile) { p.Namespaces, p.Seed = 7, 18446744073709551615 }},
		{"peers=ip:1", func(p *Profile) { p.Peers = Peers{IP: 1} }},
		{"except=8 overlap=0.5 dedupe=hostile families=ipv6", func(p *Profile) {
			p.Except, p.Overlap, p.Dedupe, p.Families = 8, 0.5, Hostile, model.OnlyIPv6
		}},
		{"headline pods=5 seed=3", func(p *Profile) { p.Pods, p.Seed = 5, 3 }},
	} {
		t.Run(tc.line, func(t *testing.T) {
			want := Default()
			tc.want(&want)
			got, err := Parse(tc.line)
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestErrorsNameTheKeyAndTheCure(t *testing.T) {
	for _, tc := range []struct{ line, want string }{
		{"headlin", `profile "headlin": did you mean headline?`},
		{"pods=5 headline", `"headline" is no key=value: write for example nodes=250`},
		{"podz=5", `unknown key "podz": did you mean pods`},
		{"colour=red", `unknown key "colour": valid are nodes, pods`},
		{"pods=5 pods=6", `pods: given twice, keep one`},
		{"pods=-1", `pods=-1: give a whole number from 0 to`},
		{"pods=1e3", `pods=1e3: give a whole number from 0 to`},
		{"nodes=1 pods=241", `pods=241: nodes=1 have room for 240, give more nodes`},
		{"peers=pod:60,pods:40", `peers=pod:60,pods:40: "pods" is none of pod, ns, ip: give shares such as pod:60,ns:40`},
		{"peers=pod:x", `the share of pod is no whole number`},
		{"peers=pod:1,pod:2", `pod is given twice`},
		{"peers=pod:0", `peers=pod:0,ns:0,ip:0: all shares are 0`},
		{"types=in:0", `types=in:0,out:0,both:0: all shares are 0`},
		{"except=NaN", `except=NaN: give a number from 0 to 16`},
		{"overlap=1.1", `overlap=1.1: give a number from 0 to 1`},
		{"dedupe=maybe", `dedupe=maybe: give one of friendly, hostile`},
		{"families=4", `families=4: give one of ipv4, ipv6, dual`},
		{"seed=-1", `seed=-1: give a whole number from 0 to`},
		{"policies=1000 peers=ip:1 cidrs=30000 dedupe=hostile", `cidrs=30000: policies=1000 with dedupe=hostile need 30030000 different CIDRs`},
	} {
		t.Run(tc.line, func(t *testing.T) {
			_, err := Parse(tc.line)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one line with %q", err, tc.want)
			}
		})
	}
}

// Whatever is drawn and valid comes back from its own line.
func TestRoundTripProperty(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		p := Profile{
			Nodes: 1 + r.IntN(MaxNodes), Pods: 1 + r.IntN(240), Namespaces: 1 + r.IntN(1000), Local: r.IntN(PerNode + 1),
			Policies: r.IntN(1000), Ports: r.IntN(20), Selectors: 1 + r.IntN(20),
			Types: Types{In: 1 + r.IntN(9), Out: r.IntN(9), Both: r.IntN(9)}, Peers: Peers{Pod: r.IntN(9), NS: 1, IP: r.IntN(9)},
			CIDRs: 1 + r.IntN(1000), Except: r.Float64() * 16, Overlap: r.Float64(), Dedupe: Friendly, Families: model.Dual, Seed: r.Uint64(),
		}
		got, err := Parse(p.String())
		if err != nil || got != p {
			t.Fatalf("seed %d: %s comes back as %+v, %v", seed, p, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range Names() {
		f.Add(name)
		f.Add(Named()[name].String())
	}
	f.Add("peers=ip:1,,pod:=3 except=+Inf")
	f.Fuzz(func(t *testing.T, line string) {
		p, err := Parse(line)
		if err != nil {
			if strings.Contains(strings.TrimSpace(err.Error()), "\n") {
				t.Errorf("%q: the error has several lines: %v", line, err)
			}
			return
		}
		again, err := Parse(p.String())
		if err != nil || again != p {
			t.Errorf("%q: %s comes back as %+v, %v", line, p, again, err)
		}
	})
}
