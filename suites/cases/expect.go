package cases

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/model"
)

// parseExpect reads one line of expectations:
//
//	flow NAME  observe|keep|cut
//	CLIENTS -> SERVERS  allow|deny|never|observe  [PORTS]  [FAMILY]  [PATHS]  # comment
//
// A port may have a form, 80/TCP/options. CLIENTS, SERVERS, PORTS and PATHS are lists with commas and
// no spaces. ok is false for a line with nothing but a comment.
func parseExpect(line string) (e Expect, ok bool, err error) {
	if fields := strings.Fields(line); len(fields) > 0 && fields[0] == "flow" {
		line, _, _ = strings.Cut(line, "#")
		return parseFlowExpect(strings.Fields(line))
	}
	l, ok, err := SplitLine(line)
	if !ok || err != nil {
		return Expect{}, ok, err
	}
	if e.Clients, err = parsePatterns(l.Clients); err != nil {
		return Expect{}, true, err
	}
	if e.Servers, err = parsePatterns(l.Servers); err != nil {
		return Expect{}, true, err
	}
	switch l.Verdict {
	case "allow":
		e.Verdict = model.Allow
	case "deny":
		e.Verdict = model.Deny
	case "never":
		e.Verdict, e.Never = model.Deny, true
	case "observe":
		e.Verdict = model.Undefined
	default:
		return Expect{}, true, fmt.Errorf("unknown verdict %q; valid are allow, deny, never, observe", l.Verdict)
	}
	for _, f := range l.Rest {
		if err := e.restrict(f); err != nil {
			return Expect{}, true, err
		}
	}
	return e, true, nil
}

// Line is a line of expectations in its words, before anybody says what they mean.
type Line struct {
	Clients, Servers string   // lists with commas
	Verdict          string   // a word
	Rest             []string // lists of ports and paths, families
}

// SplitLine reads the words of a line that is not about a long-lived flow. ok is false for a line
// with nothing but a comment.
func SplitLine(line string) (l Line, ok bool, err error) {
	line, _, _ = strings.Cut(line, "#")
	fields := strings.Fields(line)
	if len(fields) == 0 {
		return Line{}, false, nil
	}
	if len(fields) < 4 || fields[1] != "->" {
		return Line{}, true, errors.New(`an expectation is "CLIENTS -> SERVERS allow|deny|never|observe [PORTS] [FAMILY] [PATHS]"`)
	}
	return Line{Clients: fields[0], Servers: fields[2], Verdict: fields[3], Rest: fields[4:]}, true, nil
}

// parseFlowExpect reads "flow NAME observe|keep|cut".
func parseFlowExpect(fields []string) (e Expect, ok bool, err error) {
	if len(fields) == 3 {
		for verdict, word := range flowWords {
			if word == fields[2] {
				return Expect{Flow: fields[1], Verdict: verdict}, true, nil
			}
		}
	}
	return Expect{}, true, errors.New(`an expectation of a flow is "flow NAME observe|keep|cut"`)
}

// restrict adds a list of ports or paths, or a family.
func (e *Expect) restrict(field string) error {
	if f := model.Family(field); f == model.IPv4 || f == model.IPv6 {
		e.Families = append(e.Families, f)
		return nil
	}
	if paths, ok := parsePaths(field); ok {
		e.Paths = append(e.Paths, paths...)
		return nil
	}
	if len(e.Ports) > 0 {
		return fmt.Errorf("second list of ports %q; join lists with a comma, without spaces", field)
	}
	for p := range strings.SplitSeq(field, ",") {
		pattern, err := parseFormPattern(p)
		if err != nil {
			return err
		}
		e.Ports = append(e.Ports, pattern)
	}
	return nil
}

// parsePaths reads a list of paths; ok is false for a list of something else.
func parsePaths(field string) (paths []Path, ok bool) {
	for name := range strings.SplitSeq(field, ",") {
		if !slices.Contains(Paths(), Path(name)) {
			return nil, false
		}
		paths = append(paths, Path(name))
	}
	return paths, true
}

// parseFormPattern reads what parsePortPattern does, or 80/TCP/FORM or ICMP/FORM.
func parseFormPattern(s string) (PortPattern, error) {
	fields := strings.SplitN(s, "/", 3)
	n := 2
	if fields[0] == string(ICMP) {
		n = 1
	}
	if len(fields) <= n {
		return parsePortPattern(s)
	}
	p, err := parsePortPattern(strings.Join(fields[:n], "/"))
	if err != nil {
		return p, err
	}
	if p.Port == 0 && n == 2 || p.Port == 8080 {
		return p, fmt.Errorf("%q: a form is of one port of a prober, such as 80/TCP", s)
	}
	p.Form, err = parseForm(strings.Join(fields[n:], "/"), p.Protocol)
	return p, err
}

var patternSyntax = regexp.MustCompile(`^(\*|node\*|node[1-9]|world/[0-9a-f.:]+|(\*|[a-z0-9][a-z0-9-]*)/(\*|[a-z0-9][a-z0-9-]*))$`)

func parsePatterns(list string) ([]Pattern, error) {
	var patterns []Pattern
	for p := range strings.SplitSeq(list, ",") {
		if !patternSyntax.MatchString(p) {
			return nil, fmt.Errorf("%q names no endpoint; valid are *, */*, x/*, */a, x/a, node*, node1, world/*, world/ADDRESS", p)
		}
		patterns = append(patterns, Pattern(p))
	}
	return patterns, nil
}

// parsePortPattern reads 80/TCP, 80/*, */TCP or ICMP.
func parsePortPattern(s string) (PortPattern, error) {
	bad := fmt.Errorf("%q is no port; valid are like 80/TCP, 80/*, */UDP, ICMP", s)
	if s == string(ICMP) {
		return PortPattern{Protocol: ICMP}, nil
	}
	number, protocol, ok := strings.Cut(s, "/")
	if !ok {
		return PortPattern{}, bad
	}
	var p PortPattern
	if number != "*" {
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil || n == 0 {
			return PortPattern{}, bad
		}
		p.Port = uint16(n)
	}
	if protocol == "*" {
		return p, nil
	}
	p.Protocol = corev1.Protocol(protocol)
	if !knownProtocol(p.Protocol) {
		return PortPattern{}, bad
	}
	return p, nil
}

// maxSize is the largest payload of a probe.
const maxSize = 8000

// parseProbe reads 80/TCP, 80/UDP/1400 or ICMP.
func parseProbe(s string) (Probe, error) {
	bad := fmt.Errorf("%q is no probe; valid are like 80/TCP, 81/UDP, 80/SCTP, 80/UDP/1400 (bytes, at most %d), ICMP", s, maxSize)
	port, size, sized := s, uint64(0), strings.Count(s, "/") == 2
	if sized {
		at := strings.LastIndexByte(s, '/')
		n, err := strconv.ParseUint(s[at+1:], 10, 16)
		if err != nil || n == 0 || n > maxSize {
			return Probe{}, bad
		}
		port, size = s[:at], n
	}
	p, err := parsePortPattern(port)
	switch {
	case err != nil, p.Protocol == "", p.Port == 0 && (p.Protocol != ICMP || sized):
		return Probe{}, bad
	case sized && (p.Protocol == corev1.ProtocolSCTP || p.Port == 8080):
		return Probe{}, fmt.Errorf("%q: only probers take large payloads, by TCP and UDP; 8080 is agnhost's", s)
	}
	return Probe{Port: p.Port, Protocol: p.Protocol, Size: uint16(size)}, nil
}

func knownProtocol(p corev1.Protocol) bool {
	return p == corev1.ProtocolTCP || p == corev1.ProtocolUDP || p == corev1.ProtocolSCTP
}

func (e Expect) matches(k Cell) bool {
	if e.Flow != "" || k.Held != "" {
		return e.Flow == k.Held
	}
	return matchesAny(e.Clients, k.Client) && matchesAny(e.Servers, k.Server) &&
		(len(e.Families) == 0 || slices.Contains(e.Families, k.Family)) &&
		(len(e.Paths) == 0 || slices.Contains(e.Paths, k.Path)) &&
		(len(e.Ports) == 0 && k.Probe.Form == "" || slices.ContainsFunc(e.Ports, func(pp PortPattern) bool { return pp.matches(k.Probe) }))
}

func (pp PortPattern) matches(p Probe) bool {
	return pp.Form == p.Form && (pp.Port == 0 || pp.Port == p.Port) && (pp.Protocol == "" || pp.Protocol == p.Protocol)
}

func matchesAny(patterns []Pattern, key string) bool {
	return slices.ContainsFunc(patterns, func(p Pattern) bool { return p.matches(key) })
}

// matches reports whether the endpoint with this key is one that p stands for.
func (p Pattern) matches(key string) bool {
	if p == "*" {
		return true
	}
	if IsNodeKey(key) {
		return p == "node*" || string(p) == "node"+strings.TrimPrefix(key, nodePrefix)
	}
	if WorldAddr(key).IsValid() {
		return p == worldPrefix+"*" || string(p) == key
	}
	wantNS, wantName, ok := strings.Cut(string(p), "/")
	if !ok {
		return false
	}
	ns, name, _ := strings.Cut(key, "/")
	return (wantNS == "*" || wantNS == ns) && (wantName == "*" || wantName == name)
}
