package shadow

import (
	"math"
	"sort"

	"gonum.org/v1/gonum/stat/combin"
)

// Certainty is that of all bounds.
const Certainty = 0.95

// AtMost is how many of all pairs are wrong at most, with a certainty, when of some that were drawn
// from them without putting any back this many were: the exact bound of the hypergeometric
// distribution. What was not asked about counts as wrong when nothing was.
func AtMost(all, asked, wrong int, certainty float64) int {
	if asked <= 0 {
		return all
	}
	least, most := wrong, all-(asked-wrong)
	// The more are wrong, the less likely it is to have seen so few.
	first := sort.Search(most-least+1, func(i int) bool { return seeing(all, least+i, asked, wrong) <= 1-certainty })
	return max(least, least+first-1)
}

// seeing is the probability to see at most so many wrong ones among those asked when there are bad
// ones in all.
func seeing(all, bad, asked, wrong int) float64 {
	sum := 0.0
	for k := max(0, asked-(all-bad)); k <= min(wrong, bad); k++ {
		sum += math.Exp(choose(bad, k) + choose(all-bad, asked-k) - choose(all, asked))
	}
	return sum
}

// choose is the logarithm of a binomial coefficient.
func choose(n, k int) float64 { return combin.LogGeneralizedBinomial(float64(n), float64(k)) }

// Sample is what came out of a stratum.
type Sample struct{ All, Asked, Wrong int }

// Overall is the same for several strata together: each bound is given its share of the doubt, so
// that all hold at once.
func Overall(strata []Sample, certainty float64) int {
	n := 0
	for _, s := range strata {
		if s.All > 0 {
			n++
		}
	}
	sum := 0
	for _, s := range strata {
		if s.All > 0 {
			sum += AtMost(s.All, s.Asked, s.Wrong, 1-(1-certainty)/float64(n))
		}
	}
	return sum
}
