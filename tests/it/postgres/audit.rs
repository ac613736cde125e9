//! The Nachweiskette on PostgreSQL: several strands, and a damage that whoever owns the database does is named with its place.

use drehscheibe::envelope::Stage;
use drehscheibe::store::chain::Wrong;

use super::house;
use crate::store_contract::audit::judged;
use crate::store_contract::common::{commit_one, delivery};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_owner_of_the_database_changes_is_named() {
    let Some(house) = house().await else { return };
    let store = house.store(Stage::Test, 1).await.unwrap();
    for n in 0..9 {
        commit_one(&store, delivery("a", "p", &format!("n{n}"))).await;
    }
    let admin = house.server.admin(&house.database).await;
    admin
        .batch_execute("SET search_path = drehscheibe; CREATE TABLE kept AS SELECT * FROM audit")
        .await
        .unwrap();
    let strand: i64 = admin.query_one("SELECT strang FROM audit WHERE glied = 5", &[]).await.unwrap().get(0);
    let row = format!("WHERE strang = {strand} AND glied");
    type Named = &'static [(Wrong, i64, i64)];
    let damages: [(String, Named); 7] = [
        (
            format!("UPDATE audit SET detail = set_byte(detail, 0, get_byte(detail, 0) # 1) {row} = 5"),
            &[(Wrong::RowChanged, 5, 5)],
        ),
        (format!("UPDATE audit SET at = at + 1 {row} = 5"), &[(Wrong::RowChanged, 5, 5)]),
        (format!("UPDATE audit SET stamp = 999 {row} = 5"), &[(Wrong::AttributesGone, 5, 5)]),
        (
            format!("UPDATE audit SET chain = set_byte(chain, 0, get_byte(chain, 0) # 1) {row} = 5"),
            &[(Wrong::LinkChanged, 5, 5), (Wrong::LinkChanged, 6, 6)],
        ),
        // What it speaks of is still there.
        (format!("UPDATE audit SET salt = NULL {row} = 5"), &[(Wrong::SaltGone, 5, 5)]),
        (format!("DELETE FROM audit {row} BETWEEN 3 AND 5"), &[(Wrong::Gap, 3, 5)]),
        (format!("DELETE FROM audit {row} > 7"), &[(Wrong::EndGone, 8, 9)]),
    ];
    for (damage, wrong) in damages {
        admin.batch_execute(&damage).await.unwrap();
        let all = judged(&store).await;
        let found: Vec<_> = all
            .iter()
            .flat_map(|judge| judge.faults.iter())
            .map(|fault| (fault.wrong, fault.from, fault.to))
            .collect();
        assert_eq!(found, wrong, "{damage}");
        admin.batch_execute("DELETE FROM audit; INSERT INTO audit SELECT * FROM kept").await.unwrap();
    }
    assert!(judged(&store).await.iter().all(|judge| judge.found == 0));
}
