package account

import "github.com/netassay/netassay/probe/flows"

// Segment is one stretch of a phase in which all streams ran. Of a blocked stream nothing
// may arrive, of another everything must, in every state of the policies.
type Segment struct {
	Backend string
	Phase   string
	// Drift says that somebody else destroyed rules in it: what got through or was lost
	// then is counted apart, as it shows the repair and not the enforcer's own doing.
	Drift bool
	// Refusing: a new connection that is refused, or told to be unreachable, was denied too.
	Refusing bool
	Streams  []flows.Watched
}
