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

// partitionReference identifies a partition in a request (seeds/000).
type partitionReference struct {
	InstanceIdentifier *instanceIdentifier `json:"instanceIdentifier" required:"{path} is required"`
	Partition          string              `json:"partition" required:""`
}

// check refuses an invalid reference.
func (q *partitionReference) check() error {
	if err := q.InstanceIdentifier.check("instanceIdentifier."); err != nil {
		return err
	}
	return checkPartition(q.Partition)
}

// checkPartition refuses a name that is not a path or a drive letter (assumption 192).
func checkPartition(partition string) error {
	if err := required(member{"partition", partition}); err != nil {
		return err
	}
	letter := foldDrive(partition)
	drive := len(letter) == 1 && letter[0] >= 'A' && letter[0] <= 'Z'
	if !drive && !strings.HasPrefix(partition, "/") {
		return invalid(
			"partition %q must be a path such as /dev/sdf or /mnt/data, or a drive letter such as D, without a colon",
			partition)
	}
	return nil
}

type partitionStarted struct {
	IsSuccess bool   `json:"isSuccess"`
	Message   string `json:"message"`
}

// msgStarted is the message of a successful CreatePartition (seeds/000).
const msgStarted = "Partition Onboarding Started"

// createPartition begins the onboarding of a partition (seeds/000). It refuses, in this order: an invalid request, with
// InvalidArgument; an instance that authorized refuses; a partition that the instance does not have, with
// InvalidArgument (assumption 193); and with FailedPrecondition a partition that is managed, being onboarded or not
// supported, disks that the cloud does not have, and settings that differ from those of the instance's pool; and with
// Internal whatever the action fail-partition makes fail.
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
	if row.Body.RequestFails {
		return nil, refusal.New(refusal.Internal, msgFailed).
			Because(OutageCause{Action: `lucidity/fail-partition with "request":false`})
	}
	if err := s.partitions.Fire(tx, &row, "onboard"); err != nil {
		return nil, err
	}
	return &partitionStarted{IsSuccess: true, Message: msgStarted}, nil
}

// referred returns the instance and the partition that a request names. It refuses as authorized and partitionOn do.
func (s *Service) referred(
	tx *store.Tx, q *partitionReference,
) (statemachine.Row[Instance], statemachine.Row[Partition], error) {
	instance, err := s.authorized(tx, q.InstanceIdentifier)
	if err != nil {
		return instance, statemachine.Row[Partition]{}, err
	}
	row, err := s.partitionOn(tx, &instance.Body, q.Partition)
	return instance, row, err
}

// partitionOn returns the partition of the instance. If there is none of that name, it refuses with InvalidArgument and
// lists the instance's partitions.
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
	return row, invalid(
		"Invalid partition: '%s' does not exist on instance '%s', which has: %s", partition, i.InstanceID, words)
}

// maxNamed is the maximum number of partitions that a refusal lists.
const maxNamed = 20

// onboardable refuses a partition that its state prevents from being onboarded. The message names the case (assumption
// 193).
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

// diskTypes are the disk types of each cloud (assumption 194).
var diskTypes = map[string][]string{
	providerAWS: {"gp2", "gp3", "io1", "io2", "st1", "sc1", "standard"},
	providerAzure: {
		"Standard_LRS", "StandardSSD_LRS", "StandardSSD_ZRS", "Premium_LRS", "Premium_ZRS", "PremiumV2_LRS",
		"UltraSSD_LRS",
	},
	providerGCP: {
		"pd-standard", "pd-balanced", "pd-ssd", "pd-extreme", "hyperdisk-balanced", "hyperdisk-extreme",
		"hyperdisk-throughput",
	},
}

const noCache = "None"

// diskCaches are the host caches of each cloud. Only Azure has any (assumption 194).
var diskCaches = map[string][]string{
	providerAWS:   {noCache},
	providerAzure: {noCache, "ReadOnly", "ReadWrite"},
	providerGCP:   {noCache},
}

var defaultDiskTypes = map[string]string{
	providerAWS: "gp3", providerAzure: "Premium_LRS", providerGCP: "pd-balanced",
}

// defaultDisk returns the disk of a partition that is added without settings.
func defaultDisk(provider string) poolSettings {
	return poolSettings{DiskType: defaultDiskTypes[provider], DiskCache: noCache}
}

// uncached are the disk types without a host cache (assumption 194).
var uncached = [...]string{"PremiumV2_LRS", "UltraSSD_LRS"}

// checkCache refuses a host cache for disks that have none.
func checkCache(q *poolSettings) error {
	if q.DiskCache == "" || q.DiskCache == noCache || !slices.Contains(uncached[:], q.DiskType) {
		return nil
	}
	return refusal.New(refusal.FailedPrecondition,
		"Disk validation failed: diskCache '%s' is not available for %s disks, which have: %s", q.DiskCache, q.DiskType,
		noCache).Because(Mismatch{Member: "diskCache", Request: q.DiskCache, Valid: []string{noCache}})
}

// validateDisk refuses disks that the cloud does not have.
func validateDisk(provider string, q *poolSettings) error {
	refuse := func(name, value string, valid []string) error {
		return refusal.New(refusal.FailedPrecondition,
			"Disk validation failed: %s '%s' is not available on %s, which has: %s",
			name, value, provider, strings.Join(valid, ", ")).
			Because(Mismatch{Member: name, Request: value, Valid: valid})
	}
	switch {
	case q.DiskType != "" && !slices.Contains(diskTypes[provider], q.DiskType):
		return refuse("diskType", q.DiskType, diskTypes[provider])
	case q.DiskCache != "" && !slices.Contains(diskCaches[provider], q.DiskCache):
		return refuse("diskCache", q.DiskCache, diskCaches[provider])
	case q.AWSKmsKeyID != "" && !kmsKeyARN(q.AWSKmsKeyID):
		return refusal.New(refusal.FailedPrecondition,
			"Disk validation failed: awsKmsKeyId '%s' is not the ARN of a KMS key", q.AWSKmsKeyID).
			Because(Mismatch{Member: "awsKmsKeyId", Request: q.AWSKmsKeyID})
	}
	return checkCache(q)
}

// kmsKeyARN reports whether text is arn:<partition>:kms:<region>:<account>:key/… or alias/….
func kmsKeyARN(text string) bool {
	parts := strings.SplitN(text, ":", 6)
	return len(parts) == 6 && parts[0] == "arn" && parts[2] == "kms" &&
		(strings.HasPrefix(parts[5], "key/") || strings.HasPrefix(parts[5], "alias/"))
}

// match refuses settings that differ from those of the instance's pool. If there is no pool, it gives the partition the
// settings of the request, with those of its own disk as the default; the pool is created with them when the first
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
	return checkCache(&p.poolSettings)
}

// orElse returns the settings with the type and the cache of disk as defaults. There is no default for a key.
func (q poolSettings) orElse(disk poolSettings) poolSettings {
	if q.DiskType == "" {
		q.DiskType = disk.DiskType
	}
	switch {
	case q.DiskCache == "" && slices.Contains(uncached[:], q.DiskType):
		q.DiskCache = noCache
	case q.DiskCache == "":
		q.DiskCache = disk.DiskCache
	}
	return q
}
