package v1

import "slices"

// Snapshot is the run as it is now: records that are added later don't change it. What never
// changes, as cells, is shared. It is nil for a run of an unknown type.
func Snapshot(run Experiment) Experiment {
	switch r := run.(type) {
	case *Run:
		s := *r
		s.Notes = slices.Clone(r.Notes)
		s.Cases = slices.Clone(r.Cases)
		for i := range s.Cases {
			s.Cases[i].Steps = slices.Clone(s.Cases[i].Steps)
		}
		if r.Sentinel != nil {
			sentinel := *r.Sentinel
			s.Sentinel = &sentinel
		}
		return &s
	case *CheckRun:
		return new(*r)
	case *ChaosRun:
		return new(*r)
	case *FuzzRun:
		return new(*r)
	case *MigrationRun:
		return new(*r)
	case *AuditRun:
		return new(*r)
	case *ScaleData:
		s := *r
		s.Samples = slices.Clone(r.Samples) // a record may make them void
		return &s
	}
	return nil
}
