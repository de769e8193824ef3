// Package trend puts the nights of a history side by side: per figure its course, its median and
// its spread, the nights since which it has another level, and what else was new on those nights.
//
// It decides which figures belong together from night to night, and that figures of different
// loads are never compared: where the load of a run changes, a course begins anew. What a change
// of level is, reports/trend/changepoint says; which direction is worse, reports/metrics. It is
// pure: nights in, a Trend out, and that as text or Markdown. It must never judge an engine.
package trend
