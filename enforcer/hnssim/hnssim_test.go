package hnssim_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/netassay/netassay/enforcer/hnssim"
)

func policies(acls ...string) []byte {
	for i, a := range acls {
		acls[i] = `{"Type": "ACL", "Settings": {` + a + `, "RuleType": "Switch"}}`
	}
	return []byte(`{"Policies": [` + strings.Join(acls, ",") + `]}`)
}

func TestPasses(t *testing.T) {
	const (
		web    = `"Action": "Allow", "Direction": "In", "Protocols": "6", "LocalPorts": "80,8000-8010", "RemoteAddresses": "10.0.0.0/8,fd00::/8", "Priority": 100`
		rest   = `"Action": "Block", "Direction": "In", "RemoteAddresses": "0.0.0.0/0", "Priority": 200`
		equal  = `"Action": "Block", "Direction": "In", "RemoteAddresses": "10.1.0.0/16", "Priority": 100`
		others = `"Action": "Allow", "Direction": "In", "LocalAddresses": "10.9.0.1/32", "Priority": 50`
	)
	e, err := hnssim.Read(policies(rest, web, equal, others))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name     string
		from, to string
		protocol int
		port     int
		in, want bool
	}{
		{"allowed before the block", "10.0.0.9", "10.9.0.2", 6, 80, true, true},
		{"last of a range", "10.0.0.9", "10.9.0.2", 6, 8010, true, true},
		{"beyond the range", "10.0.0.9", "10.9.0.2", 6, 8011, true, false},
		{"another protocol", "10.0.0.9", "10.9.0.2", 17, 80, true, false},
		{"from elsewhere", "192.0.2.1", "10.9.0.2", 6, 80, true, false},
		{"a block of the same priority", "10.1.0.9", "10.9.0.2", 6, 80, true, false},
		{"by the endpoint's own address", "192.0.2.1", "10.9.0.1", 17, 9, true, true},
		{"the other family", "fd00::9", "fd00::2", 6, 80, true, true},
		{"nothing matches", "10.0.0.9", "10.9.0.2", 6, 80, false, false},
	} {
		p := hnssim.Packet{In: tc.in, Protocol: tc.protocol, Remote: netip.MustParseAddr(tc.from), Local: netip.MustParseAddr(tc.to), LocalPort: tc.port, RemotePort: 40000}
		if got := e.Passes(p); got != tc.want {
			t.Errorf("%s: %t", tc.name, got)
		}
	}
}

// What the service would refuse, the simulator refuses too.
func TestRefuses(t *testing.T) {
	for _, acl := range []string{
		`"Action": "Permit", "Direction": "In", "Priority": 1`,
		`"Action": "Allow", "Direction": "Both", "Priority": 1`,
		`"Action": "Allow", "Direction": "In"`,
		`"Action": "Allow", "Direction": "In", "Priority": 1, "LocalPorts": "80"`,
		`"Action": "Allow", "Direction": "In", "Priority": 1, "Protocols": "6", "LocalPorts": "90-80"`,
		`"Action": "Allow", "Direction": "In", "Priority": 1, "Protocols": "tcp"`,
		`"Action": "Allow", "Direction": "In", "Priority": 1, "RemoteAddresses": "10.0.0.0"`,
		`"Action": "Allow", "Direction": "In", "Priority": 1, "Except": "10.0.0.0/8"`,
	} {
		if _, err := hnssim.Read(policies(acl)); err == nil {
			t.Errorf("%s is taken", acl)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(policies(`"Action": "Allow", "Direction": "In", "Priority": 1, "Protocols": "6", "LocalPorts": "80-90"`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if e, err := hnssim.Read(data); (e == nil) == (err == nil) {
			t.Errorf("endpoint %v, error %v", e, err)
		}
	})
}
