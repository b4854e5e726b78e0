// Package estimate says how long something is going to take by how long it
// took before: a percentile of what was measured, with confidence. Pure.
//
// # The bound
//
// No distribution is assumed: preparation times have long tails and two humps
// (images that were cached and those that were not). Of n measurements in
// order, the k-th is no less than the p-quantile of whatever they were drawn
// from with a probability of at least P(B < k), B being binomial with n and p.
// The smallest such k for the wanted confidence gives the one-sided upper
// confidence bound (G. J. Hahn and W. Q. Meeker, Statistical Intervals,
// section 5.2; W. J. Conover, Practical Nonparametric Statistics, section
// 3.2). It takes log(1−confidence)/log(percentile) measurements: 45 for the
// 95th percentile with 90 % confidence.
//
// # Groups
//
// What is asked for is looked up among the most similar measurements that are
// enough: of the profile, size and pnode with as many vnodes at once there, of
// profile, size and pnode, of profile and size, of the profile; of all for a
// profile that was never measured. Where none are enough the slowest of those
// that are most similar counts, and half as much again, but no less than the
// slowest of a wider group if they are one or two; where there are none at
// all, a default. What was measured lately in a narrower group than the one
// that was enough counts too, with a quarter more: one slow preparation on a
// pnode is heard at once.
//
// Only the newest measurements count, in each group. Those of a tenant's own
// rolls are used for that tenant's own only: nobody waits for others' scripts.
//
// Raising a measurement never lowers an estimate.
package estimate
