package cases

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/netassay/netassay/model"
)

// Placeholders in policies:
//
//	${ns:x}              the real name of namespace x; anywhere in a string
//	${any}               all addresses; a whole cidr or except value, like the following
//	${pod:z/b}           the address of pod z/b (or of node/1), as a /32 or /128
//	${pod:z/b/24/64}     the prefix around it, /24 in IPv4 and /64 in IPv6
var (
	namespacePlaceholder = regexp.MustCompile(`\$\{ns:([^}]*)\}`)
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

// block is the ipBlock of a peer, still with placeholders.
type block struct {
	cidr   string
	except []string
}

// ipBlock takes an ipBlock out of a peer that has nothing else.
func ipBlock(peer any) (block, bool) {
	m, ok := peer.(map[string]any)
	if !ok || len(m) != 1 {
		return block{}, false
	}
	b, ok := m["ipBlock"].(map[string]any)
	if !ok {
		return block{}, false
	}
	out := block{}
	out.cidr, _ = b["cidr"].(string)
	list, _ := b["except"].([]any)
	for _, e := range list {
		if s, ok := e.(string); ok {
			out.except = append(out.except, s)
		}
	}
	return out, true
}

// peer is the reverse of ipBlock.
func (b block) peer() any {
	m := map[string]any{"cidr": b.cidr}
	if len(b.except) > 0 {
		var list []any
		for _, e := range b.except {
			list = append(list, e)
		}
		m["except"] = list
	}
	return map[string]any{"ipBlock": m}
}

// blocks resolves a block to one per family of the cluster, or to one when its cidr is
// literal. A literal except stays with the blocks of its own family.
func (r resolver) blocks(b block) ([]any, error) {
	families := r.binding.Families()
	if family, ok := literalFamily(b.cidr); ok {
		families = []model.Family{family}
	}
	var peers []any
	for _, family := range families {
		resolved, err := r.block(b, family)
		if err != nil {
			return nil, err
		}
		peers = append(peers, resolved.peer())
	}
	return peers, nil
}

func (r resolver) block(b block, family model.Family) (block, error) {
	var out block
	var err error
	if out.cidr, err = r.cidr(b.cidr, family); err != nil {
		return block{}, err
	}
	for _, e := range b.except {
		if f, ok := literalFamily(e); ok && f != family {
			continue
		}
		resolved, err := r.cidr(e, family)
		if err != nil {
			return block{}, err
		}
		out.except = append(out.except, resolved)
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
		return "", fmt.Errorf("placeholder %q: a cidr or except is ${any}, ${pod:NS/NAME} or ${pod:NS/NAME/BITS4/BITS6}", value)
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
