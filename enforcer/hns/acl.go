package hns

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"github.com/netassay/netassay/enforcer/plan"
)

// ACL is one ACL policy of an endpoint, in the fields of hcsshim's AclPolicySetting. Of an empty
// field everything is meant.
type ACL struct {
	Protocols       string `json:",omitempty"` // IANA's number: 6 is TCP, 17 UDP
	Action          string // Allow or Block
	Direction       string // In or Out, as the endpoint sees it
	LocalAddresses  string `json:",omitempty"`
	RemoteAddresses string `json:",omitempty"` // prefixes, joined by commas
	LocalPorts      string `json:",omitempty"` // ports and ranges, joined by commas
	RemotePorts     string `json:",omitempty"`
	RuleType        string `json:",omitempty"`
	Priority        uint16 `json:",omitempty"` // the lowest that matches decides
}

// The words of ACLs.
const (
	allow, block = "Allow", "Block"
	in, out      = "In", "Out"
	byTheSwitch  = "Switch"
)

// Priorities, the first to decide first. All that policies allow has one, for policies add up.
const (
	fromNode   uint16 = 100
	allowed    uint16 = 1000
	isolated   uint16 = 2000
	everything uint16 = 65500 // of directions in which nothing isolates the pod
)

// protocolNumbers are those of IANA. There is none for SCTP: the service does not filter it.
var protocolNumbers = map[plan.Protocol]string{plan.TCP: "6", plan.UDP: "17"}

// JSON are ACLs as an endpoint's policies.
func JSON(acls []ACL) ([]byte, error) {
	type policy struct {
		Type     string
		Settings ACL
	}
	policies := make([]policy, 0, len(acls))
	for _, a := range acls {
		policies = append(policies, policy{"ACL", a})
	}
	return json.MarshalIndent(struct{ Policies []policy }{policies}, "", "  ")
}

func joined(prefixes []netip.Prefix) string {
	texts := make([]string, 0, len(prefixes))
	for _, p := range prefixes {
		texts = append(texts, p.String())
	}
	return strings.Join(texts, ",")
}

func portText(ranges []plan.PortRange) string {
	texts := make([]string, 0, len(ranges))
	for _, r := range ranges {
		if r.First == r.Last {
			texts = append(texts, fmt.Sprint(r.First))
		} else {
			texts = append(texts, fmt.Sprintf("%d-%d", r.First, r.Last))
		}
	}
	return strings.Join(texts, ",")
}
