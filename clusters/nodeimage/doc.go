// Package nodeimage builds the image that kind's nodes run, without an image registry: from
// Debian's packages and the Go module proxy.
//
// It decides what is in the image and when it has to be built anew: the image's tag is a
// hash of all that goes into it, so an image that is there is the right one. What has been
// built is kept in the cache as an archive as well, which outlives the Docker daemon's
// storage and can be carried to a machine without any network.
//
// The image differs from the published one of kind in this: everything that a cluster needs
// to start is inside, unpacked; containerd asks for no limits that a machine without
// CAP_SYS_RESOURCE refuses; and there is no network plugin and no storage provisioner.
//
// It must never start a cluster (clusters/kind does), run what it builds on this machine
// apart from containerd, ctr and kubeadm's list of images, or leave mounts or processes.
package nodeimage
