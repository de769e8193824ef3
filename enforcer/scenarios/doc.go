// Package scenarios is the list of forty situations in which enforcers of NetworkPolicy
// have failed in the field, each as a test by its number: TestScenario01… to
// TestScenario40….
//
// It decides nothing and has no code outside of tests. Each test is at the cheapest level
// that really proves its point: pure (rules against the oracle), the simulated kernel (every
// step of every sync is judged), a real kernel in a sandbox (both backends), or the agent
// between a fake API server and the simulated kernel. Its comment names the issues that it
// comes from (Source), what proves it (Level), and whether it runs on the lab or why not
// (Lab). docs/scenarios.md is made of these comments.
//
// It sees both the oracle and the enforcer, so nothing may import it.
package scenarios

//go:generate go test -count=1 -run ^TestCatalog$ . -update
