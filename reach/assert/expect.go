package assert

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/cases"
)

// Expectation is one line: what is expected of all flows that it stands for.
type Expectation struct {
	File string // as the user named it
	Line int    // 1 is the first
	Text string // as it is written, without its comment
	// Clients and Servers are who begins flows, and to whom; never empty.
	Clients, Servers []Pattern
	Verdict          model.Verdict  // Allow or Deny
	Ports            []Port         // empty: those that matter between the two
	Families         []model.Family // empty: all that both ends have
}

// at is file:line, as editors read it.
func (e *Expectation) at() string { return fmt.Sprintf("%s:%d", e.File, e.Line) }

// Port is a port of a line: a number, a name that servers declare, or all of a protocol.
type Port struct {
	Number   uint16 // 0 when it is a name, or every port
	Name     string
	Protocol corev1.Protocol // "" of a name: whatever it is declared with
}

// String is the port as a line has it.
func (p Port) String() string {
	if p.Name != "" {
		return p.Name
	}
	if p.Number == 0 {
		return "*/" + string(p.Protocol)
	}
	return fmt.Sprintf("%d/%s", p.Number, p.Protocol)
}

// ParseLines reads the text of an expect field, whose first line is that line of the file.
// Names without a namespace are of the given one. All wrong lines are reported, one each.
func ParseLines(file string, first int, namespace, text string) ([]Expectation, error) {
	var all []Expectation
	var errs []error
	for i, line := range strings.Split(text, "\n") {
		e := Expectation{File: file, Line: first + i}
		ok, err := e.parse(namespace, line)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", e.at(), err))
		} else if ok {
			all = append(all, e)
		}
	}
	return all, errors.Join(errs...)
}

// parse reads one line; ok is false of a line with nothing but a comment.
func (e *Expectation) parse(namespace, line string) (ok bool, err error) {
	words, ok, err := cases.SplitLine(line)
	if !ok {
		return false, nil
	}
	if err != nil {
		return true, errors.New(`an expectation is "CLIENTS -> SERVERS allow|deny [PORTS] [IPv4|IPv6]"`)
	}
	e.Text = strings.Join(slices.Concat([]string{words.Clients, "->", words.Servers, words.Verdict}, words.Rest), " ")
	switch words.Verdict {
	case "allow":
		e.Verdict = model.Allow
	case "deny":
		e.Verdict = model.Deny
	default:
		return true, fmt.Errorf("unknown verdict %q: on paper there are allow and deny", words.Verdict)
	}
	if e.Clients, err = parsePatterns(words.Clients, namespace); err != nil {
		return true, err
	}
	if e.Servers, err = parsePatterns(words.Servers, namespace); err != nil {
		return true, err
	}
	for _, word := range words.Rest {
		if err := e.restrict(word); err != nil {
			return true, err
		}
	}
	return true, nil
}

// restrict adds a list of ports or a family.
func (e *Expectation) restrict(word string) error {
	if f := model.Family(word); f == model.IPv4 || f == model.IPv6 {
		e.Families = append(e.Families, f)
		return nil
	}
	if len(e.Ports) > 0 {
		return fmt.Errorf("second list of ports %q: join lists with a comma, without spaces", word)
	}
	for text := range strings.SplitSeq(word, ",") {
		if text == "*" {
			e.Ports = append(e.Ports, everyPort()...)
			continue
		}
		p, err := parsePort(text)
		if err != nil {
			return err
		}
		e.Ports = append(e.Ports, p)
	}
	return nil
}

// everyPort is the port "*".
func everyPort() []Port {
	return []Port{{Protocol: corev1.ProtocolTCP}, {Protocol: corev1.ProtocolUDP}, {Protocol: corev1.ProtocolSCTP}}
}

var portName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// parsePort reads 80, 80/TCP, */UDP or a name.
func parsePort(text string) (Port, error) {
	bad := fmt.Errorf("%q is no port: valid are like 80, 53/UDP, */TCP, *, http", text)
	number, protocol, _ := strings.Cut(text, "/")
	p := Port{Protocol: cmp.Or(corev1.Protocol(protocol), corev1.ProtocolTCP)}
	if p.Protocol != corev1.ProtocolTCP && p.Protocol != corev1.ProtocolUDP && p.Protocol != corev1.ProtocolSCTP {
		return Port{}, bad
	}
	if number == "*" {
		return p, nil
	}
	if n, err := strconv.ParseUint(number, 10, 16); err == nil && n > 0 {
		p.Number = uint16(n)
		return p, nil
	}
	if protocol != "" || len(number) > 15 || !portName.MatchString(number) || !strings.ContainsAny(number, "abcdefghijklmnopqrstuvwxyz") {
		return Port{}, bad
	}
	return Port{Name: number}, nil
}

// Pattern stands for endpoints.
type Pattern struct {
	Text string // as it is written
	kind kind
	// Of pods: who is meant, by name or by labels; "" and none is everybody.
	namespace, name             string
	namespaceLabels, nameLabels []label
	prefix                      netip.Prefix // of hosts outside; not valid: any of them
}

type kind int

const (
	pods kind = iota
	everybody
	nodes
	outside
)

type label struct{ key, value string }

const endpointForms = `valid are shop/web, shop/app=web, shop/*, */*, team=red/*, node/*, world, world:203.0.113.7, world:203.0.113.0/24, *`

func parsePatterns(list, namespace string) ([]Pattern, error) {
	var all []Pattern
	for text := range strings.SplitSeq(list, ",") {
		p, ok := parsePattern(text, namespace)
		if !ok {
			return nil, fmt.Errorf("%q names no endpoint: %s", text, endpointForms)
		}
		all = append(all, p)
	}
	return all, nil
}

func parsePattern(text, namespace string) (p Pattern, ok bool) {
	p.Text = text
	if where, found := strings.CutPrefix(text, "world:"); found {
		p.kind = outside
		p.prefix, ok = parseHosts(where)
		return p, ok
	}
	if where, found := strings.CutPrefix(text, "world/"); found { // as cases have it
		p.kind = outside
		p.prefix, ok = parseHosts(where)
		return p, ok || where == "*"
	}
	switch text {
	case "*":
		p.kind = everybody
		return p, true
	case "world":
		p.kind = outside
		return p, true
	}
	ns, name, found := cutNamespace(text)
	if !found {
		ns, name = namespace, text
	}
	if ns == "node" {
		p.kind, p.name = nodes, name
		return p, name != ""
	}
	var good bool
	p.namespace, p.namespaceLabels, ok = parseSelection(ns)
	p.name, p.nameLabels, good = parseSelection(name)
	return p, ok && good
}

// cutNamespace cuts a pattern at the slash that ends the namespace. A label's key can have one
// before its equals sign: what is before it has a dot then, which no namespace's name has.
func cutNamespace(text string) (ns, name string, ok bool) {
	ns, name, ok = strings.Cut(text, "/")
	if !ok || !strings.Contains(ns, ".") {
		return ns, name, ok
	}
	at := strings.LastIndexByte(text, '/')
	if at == len(ns) { // the one slash is that of a key
		return "", text, false
	}
	return text[:at], text[at+1:], true
}

func parseHosts(text string) (netip.Prefix, bool) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), true
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err == nil
}

var objectName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

// parseSelection reads a name, "*", or labels that are joined by "&".
func parseSelection(text string) (name string, labels []label, ok bool) {
	if text == "*" {
		return "", nil, true
	}
	if !strings.Contains(text, "=") {
		return text, nil, objectName.MatchString(text)
	}
	for part := range strings.SplitSeq(text, "&") {
		key, value, found := strings.Cut(part, "=")
		if !found || key == "" {
			return "", nil, false
		}
		labels = append(labels, label{key, value})
	}
	return "", labels, true
}
