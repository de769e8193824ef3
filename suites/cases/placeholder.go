package cases

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
)

// Placeholders in policies:
//
//	${ns:x}              the real name of namespace x; anywhere in a string
//	${any}               all addresses; a whole cidr or except value, like the following
//	${blocks:1000}       as many blocks outside of the cluster, as peers of their own
//	${pod:z/b}           the address of pod z/b (or of node/1), as a /32 or /128
//	${pod:z/b/24/64}     the prefix around it, /24 in IPv4 and /64 in IPv6
var (
	namespacePlaceholder = regexp.MustCompile(`\$\{ns:([^}]*)\}`)
	manyPlaceholder      = regexp.MustCompile(`^\$\{blocks:(\d+)\}$`)
	podPlaceholder       = regexp.MustCompile(`^\$\{pod:([^/}]+/[^/}]+)(?:/(\d+)/(\d+))?\}$`)
)

const anyPlaceholder = "${any}"

// resolver replaces the placeholders of one JSON tree.
type resolver struct {
	binding Binding
}

// tree resolves a JSON value. A list item with an ipBlock becomes one item per family when
// its block has placeholders, because a block has one family and a pod can have two.
func (r resolver) tree(v any) (any, error) {
	switch v := v.(type) {
	case string:
		return r.text(v)
	case []any:
		return r.list(v)
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			resolved, err := r.tree(value)
			if err != nil {
				return nil, err
			}
			out[key] = resolved
		}
		return out, nil
	default:
		return v, nil
	}
}

func (r resolver) list(items []any) (any, error) {
	out := make([]any, 0, len(items))
	for _, item := range items {
		if block, ok := ipBlock(item); ok {
			peers, err := r.blocks(block)
			if err != nil {
				return nil, err
			}
			out = append(out, peers...)
			continue
		}
		resolved, err := r.tree(item)
		if err != nil {
			return nil, err
		}
		out = append(out, resolved)
	}
	return out, nil
}

// text replaces ${ns:…}, the only placeholder that can stand outside of an ipBlock.
func (r resolver) text(s string) (any, error) {
	out := namespacePlaceholder.ReplaceAllStringFunc(s, func(m string) string {
		return r.binding.Namespace(namespacePlaceholder.FindStringSubmatch(m)[1])
	})
	if i := strings.Index(out, "${"); i >= 0 {
		return nil, fmt.Errorf("placeholder %q: only ${ns:NAME} can stand here", out[i:])
	}
	return out, nil
}

// ipBlock takes an ipBlock, still with placeholders, out of a peer that has nothing else.
func ipBlock(peer any) (block netv1.IPBlock, ok bool) {
	m, _ := peer.(map[string]any)
	if len(m) != 1 || m["ipBlock"] == nil {
		return block, false
	}
	text, err := json.Marshal(m["ipBlock"])
	if err == nil {
		err = json.Unmarshal(text, &block)
	}
	return block, err == nil
}

// blocks resolves a block to one peer per family of the cluster, or to one when its cidr is
// literal. A literal except stays with the blocks of its own family.
func (r resolver) blocks(b netv1.IPBlock) ([]any, error) {
	families := r.binding.Families()
	if family, ok := literalFamily(b.CIDR); ok {
		families = []model.Family{family}
	}
	var peers []any
	for _, family := range families {
		if m := manyPlaceholder.FindStringSubmatch(b.CIDR); m != nil && len(b.Except) == 0 {
			many, err := manyBlocks(m[1], family)
			if err != nil {
				return nil, err
			}
			peers = append(peers, many...)
			continue
		}
		resolved, err := r.block(b, family)
		if err != nil {
			return nil, err
		}
		peers = append(peers, netv1.NetworkPolicyPeer{IPBlock: &resolved})
	}
	return peers, nil
}

// maxBlocks keeps a policy within what an API server stores.
const maxBlocks = 2000

// manyBlocks are blocks of two addresses each, none of which touch.
func manyBlocks(number string, family model.Family) ([]any, error) {
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > maxBlocks {
		return nil, fmt.Errorf("placeholder %q: blocks are from 1 to %d", "${blocks:"+number+"}", maxBlocks)
	}
	var peers []any
	for i := range n {
		block := fmt.Sprintf("198.18.%d.%d/31", 8*i/256, 8*i%256)
		if family == model.IPv6 {
			block = fmt.Sprintf("2001:db8:b10c::%x/127", 8*i)
		}
		peers = append(peers, netv1.NetworkPolicyPeer{IPBlock: &netv1.IPBlock{CIDR: block}})
	}
	return peers, nil
}

func (r resolver) block(b netv1.IPBlock, family model.Family) (out netv1.IPBlock, err error) {
	if out.CIDR, err = r.cidr(b.CIDR, family); err != nil {
		return out, err
	}
	for _, e := range b.Except {
		if f, ok := literalFamily(e); ok && f != family {
			continue
		}
		resolved, err := r.cidr(e, family)
		if err != nil {
			return out, err
		}
		out.Except = append(out.Except, resolved)
	}
	return out, nil
}

// literalFamily is the family of a CIDR that has no placeholder.
func literalFamily(cidr string) (model.Family, bool) {
	if strings.Contains(cidr, "${") {
		return "", false
	}
	if strings.Contains(cidr, ":") {
		return model.IPv6, true
	}
	return model.IPv4, true
}

// cidr resolves one cidr or except value in one family.
func (r resolver) cidr(value string, family model.Family) (string, error) {
	if !strings.Contains(value, "${") {
		return value, nil
	}
	if value == anyPlaceholder {
		if family == model.IPv6 {
			return "::/0", nil
		}
		return "0.0.0.0/0", nil
	}
	m := podPlaceholder.FindStringSubmatch(value)
	if m == nil {
		return "", fmt.Errorf("placeholder %q: a cidr or except is ${any}, ${pod:NS/NAME} or ${pod:NS/NAME/BITS4/BITS6}, and a cidr without excepts ${blocks:N}", value)
	}
	addr := family.First(r.binding.PodIPs(m[1]))
	if !addr.IsValid() {
		return "", fmt.Errorf("placeholder %q: %s has no %s address", value, m[1], family)
	}
	return prefixAround(addr, m[2], m[3], value)
}

func prefixAround(addr netip.Addr, bits4, bits6, placeholder string) (string, error) {
	bits := addr.BitLen()
	text := bits6
	if addr.Is4() {
		text = bits4
	}
	if text != "" {
		bits, _ = strconv.Atoi(text)
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return "", fmt.Errorf("placeholder %q: %d bits are too many for %s", placeholder, bits, addr)
	}
	return p.String(), nil
}
