package lucidity

import (
	"errors"
	"slices"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

type createPartitionRequest struct {
	partitionReference
	poolSettings
}

// partitionReference names a partition in requests (seeds/000).
type partitionReference struct {
	InstanceIdentifier *instanceIdentifier `json:"instanceIdentifier" required:"{path} is required"`
	Partition          string              `json:"partition" required:""`
}

// check refuses what names no partition.
func (q *partitionReference) check() error {
	if err := q.InstanceIdentifier.check("instanceIdentifier."); err != nil {
		return err
	}
	return checkPartition(q.Partition)
}

// checkPartition takes a path or a drive letter (assumption 192).
func checkPartition(partition string) error {
	if err := required(member{"partition", partition}); err != nil {
		return err
	}
	letter := foldDrive(partition)
	drive := len(letter) == 1 && letter[0] >= 'A' && letter[0] <= 'Z'
	if !drive && !strings.HasPrefix(partition, "/") {
		return invalid("partition %q must be a path such as /dev/sdf or /mnt/data, or a drive letter such as D, without a colon", partition)
	}
	return nil
}

type partitionStarted struct {
	IsSuccess bool   `json:"isSuccess"`
	Message   string `json:"message"`
}

// msgStarted is what CreatePartition says of itself (seeds/000).
const msgStarted = "Partition Onboarding Started"

// createPartition begins to bring a partition under management (seeds/000). InvalidArgument for a request that is wrong in
// itself and for a partition that the instance does not have (assumption 193); PermissionDenied and Unavailable as
// authorized says; FailedPrecondition for a partition that is managed, being onboarded or not supported, for disks that its
// cloud does not have, and for settings that are not those of the instance's pool. It is checked in this order.
func (s *Service) createPartition(tx *store.Tx, _ *api.Request, q *createPartitionRequest) (*partitionStarted, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	if err := bounded(member{"diskType", q.DiskType}, member{"diskCache", q.DiskCache}); err != nil {
		return nil, err
	}
	if err := q.encryption.check(q.InstanceIdentifier.CloudProvider); err != nil {
		return nil, err
	}
	instance, row, err := s.referred(tx, &q.partitionReference)
	if err != nil {
		return nil, err
	}
	if err := s.onboardable(&row); err != nil {
		return nil, err
	}
	if err := validateDisk(instance.Body.CloudProvider, &q.poolSettings); err != nil {
		return nil, err
	}
	if err := s.match(tx, &row.Body, &q.poolSettings); err != nil {
		return nil, err
	}
	if err := s.partitions.Fire(tx, &row, "onboard"); err != nil {
		return nil, err
	}
	return &partitionStarted{IsSuccess: true, Message: msgStarted}, nil
}

// referred answers the instance and the partition that a request names, or refuses as authorized and partitionOn say.
func (s *Service) referred(tx *store.Tx, q *partitionReference) (statemachine.Row[Instance], statemachine.Row[Partition], error) {
	instance, err := s.authorized(tx, q.InstanceIdentifier)
	if err != nil {
		return instance, statemachine.Row[Partition]{}, err
	}
	row, err := s.partitionOn(tx, &instance.Body, q.Partition)
	return instance, row, err
}

// partitionOn answers the instance's partition; InvalidArgument, naming those that are there, where it has none of that
// name.
func (s *Service) partitionOn(tx *store.Tx, i *Instance, partition string) (statemachine.Row[Partition], error) {
	row, err := s.partitions.Get(tx, partitionKey(i.key(), partition))
	if !errors.Is(err, store.ErrNotFound) {
		return row, err
	}
	var there []string
	for _, p := range s.partitions.Table().By(tx, partitionsByInstance, i.key()) {
		if there = append(there, p.Body.Partition); len(there) == maxNamed {
			there = append(there, "…")
			break
		}
	}
	words := "none"
	if len(there) > 0 {
		words = strings.Join(there, ", ")
	}
	return row, invalid("Invalid partition: '%s' does not exist on instance '%s', which has: %s", partition, i.InstanceID, words)
}

// maxNamed is how many partitions a refusal names.
const maxNamed = 20

// onboardable refuses a partition whose state does not let it be onboarded, telling the cases apart (assumption 193).
func (s *Service) onboardable(r *statemachine.Row[Partition]) error {
	name := r.Body.Partition
	refuse := func(format string, args ...any) error {
		return refusal.New(refusal.FailedPrecondition, format, args...).Because(s.partitions.Stands("CreatePartition", r))
	}
	switch {
	case managed(r.Life.State):
		return refuse("Partition '%s' is already managed by Lucidity", name)
	case underWay(r.Life.State):
		return refuse("Onboarding of partition '%s' is already in progress", name)
	case r.Life.State == PartitionExcluded:
		return refuse("Unsupported partition '%s': %s", name, r.Body.Reason)
	}
	return nil
}

// diskTypes are the types that a cloud has (assumption 194).
var diskTypes = map[string][]string{
	providerAWS:   {"gp2", "gp3", "io1", "io2", "st1", "sc1", "standard"},
	providerAzure: {"Standard_LRS", "StandardSSD_LRS", "StandardSSD_ZRS", "Premium_LRS", "Premium_ZRS", "PremiumV2_LRS", "UltraSSD_LRS"},
	providerGCP:   {"pd-standard", "pd-balanced", "pd-ssd", "pd-extreme", "hyperdisk-balanced", "hyperdisk-extreme", "hyperdisk-throughput"},
}

// diskCaches are the host caches that Azure's disks may have; those of the other clouds have none (assumption 194).
var diskCaches = map[string][]string{
	providerAWS:   {"None"},
	providerAzure: {"None", "ReadOnly", "ReadWrite"},
	providerGCP:   {"None"},
}

// Disks of a partition that nothing else is known of.
func defaultDisk(provider string) poolSettings {
	return poolSettings{DiskType: map[string]string{providerAWS: "gp3", providerAzure: "Premium_LRS", providerGCP: "pd-balanced"}[provider], DiskCache: "None"}
}

// validateDisk refuses disks that the cloud cannot make.
func validateDisk(provider string, q *poolSettings) error {
	refuse := func(name, value string, valid []string) error {
		return refusal.New(refusal.FailedPrecondition, "Disk validation failed: %s '%s' is not one that %s has: %s", name, value, provider, strings.Join(valid, ", ")).
			Because(Mismatch{Member: name, Request: value, Valid: valid})
	}
	switch {
	case q.DiskType != "" && !slices.Contains(diskTypes[provider], q.DiskType):
		return refuse("diskType", q.DiskType, diskTypes[provider])
	case q.DiskCache != "" && !slices.Contains(diskCaches[provider], q.DiskCache):
		return refuse("diskCache", q.DiskCache, diskCaches[provider])
	case q.AWSKmsKeyID != "" && !kmsKeyARN(q.AWSKmsKeyID):
		return refusal.New(refusal.FailedPrecondition, "Disk validation failed: awsKmsKeyId '%s' is not the ARN of a KMS key", q.AWSKmsKeyID).
			Because(Mismatch{Member: "awsKmsKeyId", Request: q.AWSKmsKeyID})
	}
	return nil
}

// kmsKeyARN: arn:<partition>:kms:<region>:<account>:key/… or alias/….
func kmsKeyARN(text string) bool {
	parts := strings.SplitN(text, ":", 6)
	return len(parts) == 6 && parts[0] == "arn" && parts[2] == "kms" && (strings.HasPrefix(parts[5], "key/") || strings.HasPrefix(parts[5], "alias/"))
}

// match refuses settings that are not those of the instance's pool. Where there is none yet, the partition gets those of the
// request, else those of its own disk, and the pool will get them too: it counts from the moment in which the first
// onboarding of the instance begins (assumption 195).
func (s *Service) match(tx *store.Tx, p *Partition, q *poolSettings) error {
	pool, err := s.pools.Get(tx, p.Instance)
	if err == nil {
		return pool.Body.mismatch(q)
	}
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	p.poolSettings = q.orElse(p.Disk)
	return nil
}

// orElse fills in type and cache of disks that are not given. A key is never filled in: none is none.
func (q poolSettings) orElse(disk poolSettings) poolSettings {
	if q.DiskType == "" {
		q.DiskType = disk.DiskType
	}
	if q.DiskCache == "" {
		q.DiskCache = disk.DiskCache
	}
	return q
}
