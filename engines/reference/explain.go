package reference

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/agents"
	"github.com/netassay/netassay/model"
)

var _ engines.Explainer = (*Engine)(nil)

// Explain implements engines.Explainer. Each agent is asked, because each judges the ends on its
// own node.
func (e *Engine) Explain(ctx context.Context, f model.Flow) ([]string, error) {
	e.asking.Lock() // an agent explains one flow at a time
	defer e.asking.Unlock()
	nodes := e.nodes.Load()
	if nodes == nil {
		return nil, errors.New("explain flow: no agent was started on a node")
	}
	var lines []string
	for _, n := range *nodes {
		said, err := ask(ctx, n, "http://"+address, f)
		if err != nil {
			return nil, fmt.Errorf("explain flow %s: ask the agent on %s: %w", f, n.Name(), err)
		}
		lines = append(lines, said...)
	}
	return lines, nil
}

// ask puts the question to the agent that serves at base on a node.
func ask(ctx context.Context, n engines.Node, base string, f model.Flow) ([]string, error) {
	query := url.Values{"flow": {fmt.Sprintf("%s,%s,%s,%d", f.Client, f.Server, f.Protocol, f.Port)}}
	answer, err := agents.NewGetter(n).Get(ctx, base+"/explain?"+query.Encode())
	if err != nil {
		return nil, err
	}
	return opinion(answer)
}

// notJudged is the verdict of an end that is not an agent's.
const notJudged = "not judged"

// opinion is what an agent's answer says of the ends that it judges.
func opinion(answer []byte) ([]string, error) {
	type direction struct{ Verdict, Reason string }
	var a struct {
		Node            string
		Egress, Ingress direction
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	var lines []string
	for _, d := range []struct {
		name string
		direction
	}{{"egress", a.Egress}, {"ingress", a.Ingress}} {
		if d.Verdict != notJudged {
			lines = append(lines, fmt.Sprintf("%s on %s: %s", d.name, a.Node, d.Reason))
		}
	}
	return lines, nil
}
