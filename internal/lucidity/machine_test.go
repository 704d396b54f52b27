package lucidity_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"storagesim/internal/api/apitest"
	"storagesim/internal/lucidity"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

func TestMachines(t *testing.T) {
	for _, m := range lucidity.New(lucidity.Options{}).Machines() {
		require.Empty(t, m.Check())
	}
}

// The complete machine of a partition.
func TestMachines_PartitionGrid(t *testing.T) {
	machines := lucidity.New(lucidity.Options{}).Machines()
	rows := []string{
		`READY_TO_ONBOARD: onboard=QUEUED_FOR_ONBOARDING start=- migrated=- finish=- fail=- ` +
			`schedule-deboard=- cancel-deboard=- deboard=- exclude=NOT_SUPPORTED include=-`,
		`ON_BOARDED: onboard=- start=- migrated=- finish=- fail=- ` +
			`schedule-deboard=SCHEDULED_FOR_DEBOARD cancel-deboard=- deboard=- exclude=- include=-`,
		`FAILED: onboard=QUEUED_FOR_ONBOARDING start=- migrated=- finish=- fail=- ` +
			`schedule-deboard=- cancel-deboard=- deboard=- exclude=NOT_SUPPORTED include=-`,
		`NOT_SUPPORTED: onboard=- start=- migrated=- finish=- fail=- ` +
			`schedule-deboard=- cancel-deboard=- deboard=- exclude=- include=READY_TO_ONBOARD`,
		`QUEUED_FOR_ONBOARDING: onboard=- start=IN_PROGRESS migrated=- finish=- fail=FAILED ` +
			`schedule-deboard=- cancel-deboard=- deboard=- exclude=- include=-`,
		`IN_PROGRESS: onboard=- start=- migrated=FINALIZING_ONBOARDING finish=- fail=FAILED ` +
			`schedule-deboard=- cancel-deboard=- deboard=- exclude=- include=-`,
		`FINALIZING_ONBOARDING: onboard=- start=- migrated=- finish=ON_BOARDED fail=FAILED ` +
			`schedule-deboard=- cancel-deboard=- deboard=- exclude=- include=-`,
		`SCHEDULED_FOR_DEBOARD: onboard=- start=- migrated=- finish=- fail=- ` +
			`schedule-deboard=- cancel-deboard=ON_BOARDED deboard=READY_TO_ONBOARD exclude=- include=-`,
	}
	require.Equal(t, strings.Join(rows, "\n")+"\n", machines[3].Describe().Grid())
}

// The error of an invalid fixture has the path of the member.
func TestSeed_InvalidMemberIsNamed(t *testing.T) {
	const tenant = `{"cloudProvider":"AWS","cloudProviderAccountId":"1","instances":[`
	for section, want := range map[string]string{
		`{"tenant":[]}`:                                   "tenant: is not a member of this object",
		`{"tenants":[{"cloudProvider":"AWS"}]}`:           "tenants[0]: cloudProviderAccountId is required and must not be blank",
		`{"tenants":[` + tenant + `]},` + tenant + `]}]}`: "tenants[1]: tenant '1' already exists",
		`{"tenants":[{"cloudProvider":"AWS","cloudProviderAccountId":"1","status":"GONE"}]}`: `tenants[0]: status "GONE" must be one of`,
		`{"tenants":[` + tenant +
			`{}]}]}`: "tenants[0].instances[0]: instanceId is required",
		`{"tenants":[` + tenant +
			`{"instanceId":"i"},{"instanceId":"i"}]}]}`: "tenants[0].instances[1]: instance 'AWS/1/i' already exists",
		`{"tenants":[` + tenant +
			`{"instanceId":"i","pool":{"diskType":"pd-ssd"}}]}]}`: "tenants[0].instances[0].pool: Disk validation failed",
		`{"tenants":[` + tenant +
			`{"instanceId":"i","partitions":[{"partition":"mnt"}]}]}]}`: "tenants[0].instances[0].partitions[0]: partition",
		`{"tenants":[` + tenant +
			`{"instanceId":"i","partitions":[{"partition":"/a","status":"IN_PROGRESS"}]}]}]}`: `partitions[0]: status "IN_PROGRESS" must be one of`,
		`{"tenants":[` + tenant +
			`{"instanceId":"i","partitions":[{"partition":"/a"},{"partition":"/a"}]}]}]}`: "partitions[1]: partition 'AWS/1/i /a' already exists",
		`{"tenants":[` + tenant +
			`{"instanceId":"i","pool":{"diskType":"gp3"},"partitions":[{"partition":"/a","status":"ON_BOARDED","diskType":"gp2"}]}]}]}`: "partitions[0]: Config mismatch",
		`{"tenants":[` + tenant +
			`{"instanceId":"i","count":2}]}]}`: "tenants[0].instances[0]: give instanceId for one instance, or count and instanceIdPrefix",
		`{"tenants":[` + tenant +
			`{"count":2}]}]}`: "tenants[0].instances[0]: give instanceId for one instance, or count and instanceIdPrefix",
		`{"tenants":[` + tenant +
			`{"count":10001,"instanceIdPrefix":"i-"}]}]}`: "tenants[0].instances[0]: count 10001 must be 0 to 10000",
		`{"tenants":[` + tenant +
			`{"count":2,"instanceIdPrefix":"i-","partitions":[{"partition":"/a"},{"partition":"/a"}]}]}]}`: "instances[0].partitions[1]: partition 'AWS/1/i-00000 /a' already exists",
		`{"refreshTokens":[{"token":""}]}`:                                       "refreshTokens[0]: token is required",
		`{"refreshTokens":[{"token":"sim.x"}]}`:                                  `refreshTokens[0]: token must not begin with "sim."`,
		`{"cloudAccounts":[{"cloudProvider":"X","cloudProviderAccountId":"1"}]}`: "cloudAccounts[0]: cloudProvider",
	} {
		t.Run(want, func(t *testing.T) {
			err := seed(t, section)
			var input *strict.Error
			require.ErrorAs(t, err, &input, section)
			require.Contains(t, err.Error(), want, section)
		})
	}
	require.NoError(t, seed(t, ""))
	require.NoError(t, seed(t, `{"gcpMaintenance":true}`))
	require.NoError(t, seed(t, `{"tenants":[`+tenant+`{"count":0,"instanceIdPrefix":"i-"}]}]}`))
}

func seed(t *testing.T, section string) error {
	t.Helper()
	s := lucidity.New(lucidity.Options{})
	db, err := store.Open(filepath.Join(t.TempDir(), "sim.db"), store.Options{})
	require.NoError(t, err)
	defer db.Close()
	e, err := statemachine.New(db, statemachine.Fast, zerolog.Nop(), s.Machines()...)
	require.NoError(t, err)
	return e.Base("b", 1, apitest.Start, func(tx *store.Tx) error { return s.Seed(tx, []byte(section)) })
}
