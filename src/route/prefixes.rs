//! The prefixes of keys of authorities (`praefix:kennung`): those of the directory of the administration, and those that the packages make of
//! keys that have none. A stage names newer ones itself. Holds words only.

/// The prefixes of the DVDV, version 51 of its list.
const DVDV: &str = "\
    MELDID ag ags aik alp ane art asb asl asy azr bab bap bet bgs bnd bqa bqp bta btg bth btk bto btw bty bwb bza dbs dmb dsc eap ebb \
    egs ehp eid eip ent fap feb fep fib fin fsp fss gaa gab gba ghb gka gru gsb gst hwk hza iga ihk jab jga kat kka kop kos lap las lfu \
    lic lvb mad mbp mrh omp opt ora pab pap pbp pbs pdb pdl pfg pin psb psw rel sap sbb sfd soa sop sps stb stk svb tpg töj ubb ufb unb \
    upo usv uvs uwp vbe vma vps vsb wab wap wbs wgb wgp whp wku wrb xga zfd zla zlp";
/// What stands before keys of the justice, which has lists of its own.
const JUSTIZ: &str = "gericht";

/// All of them.
pub fn known() -> impl Iterator<Item = &'static str> {
    DVDV.split_whitespace().chain([JUSTIZ])
}
