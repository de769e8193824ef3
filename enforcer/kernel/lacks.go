package kernel

import (
	"context"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/render"
	"github.com/netassay/netassay/model"
)

// trial is a chain that no packet meets. What a death leaves of it, the next Sync removes.
const trial = plan.ChainPrefix + "TRY"

// Lacks are those of the conditions that rules of a family can't look for here: a module of
// the kernel, or its half in iptables, is missing.
func (k *Kernel) Lacks(ctx context.Context, f model.Family, all []plan.Condition) ([]plan.Condition, error) {
	err := k.try(ctx, f, all)
	if err == nil || IsLocked(err) || ctx.Err() != nil {
		return nil, err
	}
	var lacking []plan.Condition
	for _, c := range all {
		if err := k.try(ctx, f, []plan.Condition{c}); IsLocked(err) || ctx.Err() != nil {
			return nil, err
		} else if err != nil {
			lacking = append(lacking, c)
		}
	}
	return lacking, nil
}

// try makes a rule of each condition, and takes them away again.
func (k *Kernel) try(ctx context.Context, f model.Family, all []plan.Condition) error {
	c := plan.Chain{Name: trial}
	for _, condition := range all {
		c.Rules = append(c.Rules, plan.Rule{Match: plan.Match{condition}, Verdict: plan.Return{}})
	}
	for _, tx := range []render.Transaction{{Chains: []plan.Chain{c}}, {Delete: []plan.ChainName{trial}}} {
		if err := k.restoreRules(ctx, f, tx); err != nil {
			return err
		}
	}
	return nil
}
