package match

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Parsed keeps what selectors were parsed to, as to check them takes most of the time in which a
// policy is read. Selectors must not be changed once they were parsed. The zero value is ready
// to use.
type Parsed struct {
	known map[*metav1.LabelSelector]*parsed
}

type parsed struct {
	selector Selector
	err      error
	used     bool // since the last Sweep
}

// Parse is ParseSelector.
func (c *Parsed) Parse(s *metav1.LabelSelector) (Selector, error) {
	p, ok := c.known[s]
	if !ok {
		p = &parsed{}
		p.selector, p.err = ParseSelector(s)
		if c.known == nil {
			c.known = map[*metav1.LabelSelector]*parsed{}
		}
		c.known[s] = p
	}
	p.used = true
	return p.selector, p.err
}

// Sweep forgets selectors that were not asked for since the last one.
func (c *Parsed) Sweep() {
	for s, p := range c.known {
		if !p.used {
			delete(c.known, s)
		}
		p.used = false
	}
}
