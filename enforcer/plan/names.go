package plan

// SetPrefix starts the name of every ipset that the enforcer owns, ChainPrefix that of
// every chain. Nothing else with these prefixes may live on a node: at clean-up and at
// repair what carries them and is not in the plan is removed.
const (
	SetPrefix   = "npe-"
	ChainPrefix = "NPE-"
)
