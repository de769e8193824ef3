// Package matrix says who can talk to whom in an Inventory, between classes of pods, their nodes
// and the world outside, on every port.
//
// It decides which pods, addresses and ports no policy can tell apart, so that one flow stands
// for all of them. What the one flow means, the oracle alone says, asked with the policies that
// concern its ends; answers are kept and given again only where everything is equal that these
// policies can see.
//
// It must never judge a flow itself, do I/O, or read a clock.
//
//	Inventory ──Of──▶ Matrix ──Flows(from, to)──▶ verdicts by range of ports
//	                    └──Ask──▶ the oracle's own words of one flow
package matrix
