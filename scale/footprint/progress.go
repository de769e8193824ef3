package footprint

import (
	"fmt"
	"sync"
	"time"
)

// progressEvery bounds how often a kind of object is reported.
const progressEvery = 5 * time.Second

// progress turns counts into lines with a rate and the time that remains, some per kind.
// It may be called concurrently.
func progress(log func(string)) func(kind string, done, total int) {
	var mu sync.Mutex
	var current string
	var began, last time.Time
	return func(kind string, done, total int) {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		if kind != current {
			current, began, last = kind, now, now
		}
		if now.Sub(last) < progressEvery && done < total {
			return
		}
		last = now
		took := now.Sub(began).Seconds()
		if done >= total || done == 0 || took == 0 {
			log(fmt.Sprintf("%s: %d of %d (%.1f s)", kind, done, total, took))
			return
		}
		left := took / float64(done) * float64(total-done)
		log(fmt.Sprintf("%s: %d of %d, %.0f/s, %.0f s left", kind, done, total, float64(done)/took, left))
	}
}
