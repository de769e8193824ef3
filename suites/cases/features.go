package cases

import "slices"

// Feature is a part of the NetworkPolicy API, or of a cluster, that a case needs. An
// engine that declares a feature unsupported is not judged by the cases that need it.
type Feature string

// The features.
const (
	Ingress           Feature = "Ingress"
	Egress            Feature = "Egress"
	DefaultDeny       Feature = "DefaultDeny"
	AllowAll          Feature = "AllowAll"
	PodSelector       Feature = "PodSelector"
	NamespaceSelector Feature = "NamespaceSelector"
	MatchExpressions  Feature = "MatchExpressions"
	PolicyTypes       Feature = "PolicyTypes"
	IPBlock           Feature = "IPBlock"
	IPBlockOnPods     Feature = "IPBlockOnPods"
	IPBlockOnNodes    Feature = "IPBlockOnNodes"
	Except            Feature = "Except"
	NumericPort       Feature = "NumericPort"
	NamedPort         Feature = "NamedPort"
	EndPort           Feature = "EndPort"
	UDP               Feature = "UDP"
	SCTP              Feature = "SCTP"
	Stacking          Feature = "Stacking"
	PolicyUpdate      Feature = "PolicyUpdate"
	LabelChange       Feature = "LabelChange"
	Lifecycle         Feature = "Lifecycle"
	Service           Feature = "Service"
	NodePorts         Feature = "NodePort"
	NodeTraffic       Feature = "NodeTraffic"
	OutsideTraffic    Feature = "OutsideTraffic"
	RawPackets        Feature = "RawPackets"
	LongNames         Feature = "LongNames"
	DualStack         Feature = "DualStack"
	Validation        Feature = "Validation"
	Restarts          Feature = "Restarts"
)

// FeatureInfo describes a feature.
type FeatureInfo struct {
	Feature     Feature
	Description string
}

// Features lists every feature with one line about it, in the order of reports.
func Features() []FeatureInfo {
	return []FeatureInfo{
		{Ingress, "policies that judge traffic to the pods they select"},
		{Egress, "policies that judge traffic from the pods they select"},
		{DefaultDeny, "a policy without rules isolates what it selects"},
		{AllowAll, "an empty rule allows everything"},
		{PodSelector, "subjects and peers by pod labels"},
		{NamespaceSelector, "peers by namespace labels"},
		{MatchExpressions, "In, NotIn, Exists and DoesNotExist, also with absent keys"},
		{PolicyTypes, "policyTypes omitted, or narrower than the rules"},
		{IPBlock, "peers by CIDR"},
		{IPBlockOnPods, "ipBlocks that hold pods: verdicts that are others where they hold none"},
		{IPBlockOnNodes, "ipBlocks that hold nodes, in the same sense"},
		{Except, "holes in an ipBlock"},
		{NumericPort, "ports by number, by protocol alone, and no ports at all"},
		{NamedPort, "ports by the name that the destination pod declares"},
		{EndPort, "ranges of ports"},
		{UDP, "rules for UDP"},
		{SCTP, "rules for SCTP, judged by SCTP traffic"},
		{Stacking, "several policies on one pod add up"},
		{PolicyUpdate, "policies changed or deleted while they are enforced"},
		{LabelChange, "labels of pods and namespaces changed while policies select by them"},
		{Lifecycle, "pods and namespaces created and deleted under a policy"},
		{Service, "servers reached by the cluster IP of a Service"},
		{NodePorts, "servers reached by a node port or load balancer of a Service; needs three nodes"},
		{NodeTraffic, "traffic from and to the nodes themselves; needs three nodes"},
		{OutsideTraffic, "traffic from and to hosts outside of the cluster; needs such hosts"},
		{RawPackets, "packets that a program can't send without NET_RAW, which probers need then"},
		{LongNames, "names and labels as long as the API allows"},
		{DualStack, "rules of one family judged on both"},
		{Validation, "policies that the API server refuses"},
		{Restarts, "the engine's agents or the API server killed and started again"},
	}
}

// FeatureNames are the names of all features, in the order of reports.
func FeatureNames() []string {
	var names []string
	for _, f := range Features() {
		names = append(names, string(f.Feature))
	}
	return names
}

// FeatureNames are the names of the features that the case needs.
func (c Case) FeatureNames() []string {
	var names []string
	for _, f := range c.Features {
		names = append(names, string(f))
	}
	return names
}

// HasFeature reports whether the case needs f.
func (c Case) HasFeature(f Feature) bool { return slices.Contains(c.Features, f) }
