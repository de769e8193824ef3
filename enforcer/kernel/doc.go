// Package kernel brings the netfilter state of one node to a Plan, and keeps it there.
//
// It decides order and atomicity: which set is changed in place and which gets a new
// generation, what comes before the iptables commit and what after it, what is ours and
// may be removed. What the rules mean, enforcer/plan has decided.
//
// It must never change what is not ours (names without plan.SetPrefix or
// plan.ChainPrefix), list all sets at once with their contents, delete and re-insert a
// hook, or leave a state in which a packet meets neither the old nor the new policy.
//
// # One sync
//
// Of each family, both at the same time if that is asked for, since no flow is of two; one after
// the other, both commit before either reads back:
//
//  1. restrict: in-place changes that can only forbid (isolation members added, others
//     removed): what closes does not wait for what opens;
//  2. create: new sets are filled under a temporary name and renamed when full, so that a
//     set of a final name is never half full;
//  3. commit: one iptables-restore --noflush with the chains that differ, those that are
//     obsolete, and missing hooks. It is atomic, and one chain that it wrote is read back,
//     because the nft build of iptables is known to answer 0 having done nothing;
//  4. loosen: in-place changes that can only permit;
//  5. collect: sets that no rule refers to any more are destroyed.
//
// Sets are changed by netlink ([Netlink]), or by ipset restore where a Runner can't: the lines
// are the same, and so is their order.
//
// # Why no packet sees a third state
//
// Rules permit (RETURN) on membership, isolation forbids on membership, so each in-place
// change moves every verdict one way. Through steps 1 to 4 a verdict goes down from the
// old one, jumps with the commit, and goes up to the new one: at every instant it is Deny,
// or the old verdict, or the new one. A sync can be killed after any line of it: nothing
// leaks.
//
// Peers are the exception, as pods get other labels all the time: an address that lives on
// and that no chain judges as a subject may go from one set of peers to another. Where nothing
// else of such addresses changes, it is added to sets in step 4 first, then removed from
// others, and then what is transient is loosened. One end of a flow at most is such a peer,
// and rules permit on membership: in between, the verdict is the old one or the new one,
// whichever permits.
//
// That leaves a flow that is allowed before and after, and denied in between. It takes two
// changes of different kinds that touch the flow: restrict, commit, loosen. So when the
// changes of a sync are of more than one kind, those of addresses that live on (not
// transient, see [Hints]) leave the in-place lists: their sets get a new generation,
// created in step 2 and referred to from step 3 on, and they all happen in the commit.
// Addresses whose pod has just begun or ended stay in place, so that pod churn costs a few
// lines and no rules: a new pod is denied first and allowed some milliseconds later.
//
// # Generations
//
// A set of the plan has one set in the kernel, of the same name, or with a suffix
// ".0" to ".z" once it had to be built anew: for the reason above, because it outgrew its
// maxelem, or because something else made a set of that name. The generation in force is
// the one that the rules refer to. There is no ipset swap: some kernels take 1000 times
// longer for it since it waits for an RCU grace period.
package kernel
