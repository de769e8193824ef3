package conformance

import (
	"os"
	"time"

	"github.com/prometheus/procfs"
)

// processor is for how long the threads of this process have had a processor, and for how long
// they have waited for one. Both are 0 where the kernel does not count.
func processor() (had, waited time.Duration) {
	threads, err := procfs.AllThreads(os.Getpid())
	if err != nil {
		return 0, 0
	}
	for _, t := range threads {
		if s, err := t.Schedstat(); err == nil { // it may have ended
			had += time.Duration(s.RunningNanoseconds)
			waited += time.Duration(s.WaitingNanoseconds)
		}
	}
	return had, waited
}
