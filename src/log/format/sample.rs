//! `%[…]`: what a sample can look like in a line, judged by its type and by the converters behind it,
//! the last one above all.
//!
//! Types are those of `configuration.txt` §7.3; what they and the converters write was seen in lines
//! of 2.6, 3.0 and 3.2. A sample that is not known here may be anything a client likes.

use super::alias::{Chosen, Sampled, Shape};
use crate::words::names::is_name;

/// Samples that are numbers, and `0` or `1`: `true` or `false` in JSON.
const NUMBERS: &str = "\
    accept_date act_conns_free avg_queue bc_err bc_glitches bc_http_major bc_rtt bc_rttvar \
    bytes_in bytes_out bool bc_nb_streams be_id connslots cpu_calls cpu_ns_avg cpu_ns_tot date \
    date_us dst_conn dst_is_local dst_port fc_conn_err fc_err fc_fackets fc_glitches \
    fc_http_major fc_lost fc_nb_streams fc_rcvd_proxy fc_reordering fc_retrans fc_rtt fc_rttvar \
    fc_sacked fc_settings_streams_limit fc_unacked bc_src_port bc_dst_port fc_src_port \
    fc_dst_port fc_src_is_local fc_dst_is_local http_first_req int last_rule_line lat_ns_avg \
    lat_ns_tot nbproc nbsrv nbthread pid queue quic_enabled rand req.body_len req.body_size \
    req.bytes_in req.cook_cnt req.cook_val req.fhdr_cnt req.hdr_cnt req.hdr_val req.len req_len \
    request_date res.bytes_in res.cook_cnt res.cook_val res.fhdr_cnt res.hdr_cnt res.hdr_val \
    res.len res.timer.data res.timer.hdr so_id src_is_local src_port srv_conn srv_conn_free \
    srv_id srv_is_up srv_iweight srv_queue srv_sess_rate srv_uweight srv_weight status stopping \
    txn.status url_param_val url_port urlp_val be_conn be_conn_free be_sess_rate \
    be_server_timeout be_tunnel_timeout fe_client_timeout fe_conn fe_id fe_req_rate fe_sess_rate \
    ssl_bc ssl_bc_alg_keysize ssl_bc_err ssl_bc_is_resumed ssl_bc_use_keysize ssl_c_ca_err \
    ssl_c_ca_err_depth ssl_c_err ssl_c_used ssl_c_verify ssl_c_version ssl_f_version ssl_fc \
    ssl_fc_alg_keysize ssl_fc_err ssl_fc_has_crt ssl_fc_has_early ssl_fc_has_sni \
    ssl_fc_is_resumed ssl_fc_use_keysize uptime";
/// Beginnings of names whose samples are all numbers: counters of stick tables, and timers.
const NUMBER_STARTS: &str = "bc.timer. fc.timer. req.timer. sc0_ sc1_ sc2_ sc_ src_ txn.timer.";
/// Of these they are not: what is counted there is what a client chose.
const NOT_A_NUMBER_END: &str = "key";
/// Samples that are addresses, also where a client names them: anything else gives none.
const ADDRESSES: &str = "\
    bc_dst bc_src dst fc_dst fc_src hdr_ip ipv4 ipv6 req.hdr_ip res.hdr_ip src url_ip urlp_ip";
/// Samples that are names of HAProxy's or of its TLS library's.
const WORDS: &str = "\
    be_name fe_defbe fe_name hostname srv_name ssl_bc_alpn ssl_bc_cipher ssl_bc_protocol \
    ssl_c_key_alg ssl_c_sig_alg ssl_f_key_alg ssl_f_sig_alg ssl_fc_alpn ssl_fc_cipher \
    ssl_fc_protocol txn.sess_term_state uuid";

/// Converters that make a number, or `0` or `1`, of whatever came before.
const TO_NUMBER: &str = "\
    add and bool cpl crc32 crc32c div djb2 even in_table jwt_verify length map_beg_int \
    map_dir_int map_dom_int map_end_int map_int map_int_int map_ip_int map_len_int map_reg_int \
    map_str_int map_sub_int mod mul nbsrv neg not odd or sdbm secure_memcmp srv_queue strcmp sub \
    wt6 xor xxh3 xxh32 xxh64";
/// The same of a stick table's entries.
const TABLE_START: &str = "table_";
/// Converters that make an address, or nothing.
const TO_ADDRESS: &str = "\
    ipmask map_beg_ip map_dir_ip map_end_ip map_int_ip map_ip_ip map_reg_ip map_str_ip \
    map_sub_ip";
/// Converters that only look.
const PASS: &str = "debug set-var unset-var";
/// Bytes beside letters, digits and spaces that a date's format may have outside its `%` items.
const DATE_BYTES: &[u8] = b" :.,/_+-%";

/// What the expression between the brackets can look like.
pub(super) fn shape(expression: &str) -> Shape {
    let mut parts = split(expression).into_iter();
    let Some((name, argument)) = parts.next() else {
        return Shape::Chosen(Chosen::Plain);
    };
    parts.fold(fetched(name, argument), |shape, (name, argument)| {
        converted(shape, name, argument)
    })
}

fn fetched(name: &str, argument: Option<&str>) -> Shape {
    let mut starts = NUMBER_STARTS.split(' ');
    let is_counter =
        starts.any(|start| name.starts_with(start)) && !name.ends_with(NOT_A_NUMBER_END);
    if is_one_of(NUMBERS, name) || is_counter {
        Shape::Sampled(Sampled::Integer)
    } else if is_one_of(ADDRESSES, name) {
        Shape::Address
    } else if is_one_of(WORDS, name) || (name == "str" && argument.is_some_and(is_word)) {
        Shape::Sampled(Sampled::Word)
    } else {
        Shape::Chosen(Chosen::Plain)
    }
}

fn converted(shape: Shape, name: &str, argument: Option<&str>) -> Shape {
    Shape::Sampled(match name {
        "hex" => Sampled::Hex,
        "base64" | "ub64enc" => Sampled::Base64,
        "json" => return Shape::Chosen(Chosen::Escaped),
        "url_enc" => Sampled::UrlEncoded,
        "ltime" | "utime" | "ms_ltime" | "ms_utime" | "us_ltime" | "us_utime"
            if argument.is_some_and(is_plain_date) =>
        {
            Sampled::Stamp
        }
        "iif" if argument.is_some_and(is_two_words) => Sampled::Word,
        name if is_one_of(TO_NUMBER, name) || name.starts_with(TABLE_START) => Sampled::Integer,
        name if is_one_of(TO_ADDRESS, name) => return Shape::Address,
        name if is_one_of(PASS, name) => return shape,
        _ => return Shape::Chosen(Chosen::Plain),
    })
}

/// A date in a format of the operator's: nothing in it that could be taken for what stands around it.
fn is_plain_date(argument: &str) -> bool {
    // `ltime(FORMAT,OFFSET)`: a comma within quotes belongs to the format.
    let format = argument.trim().trim_matches(['"', '\'']);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || DATE_BYTES.contains(&byte);
    format.bytes().all(is_plain)
}

/// `iif(YES,NO)`: one of the two stands there.
fn is_two_words(argument: &str) -> bool {
    let both = argument.split_once(',');
    both.is_some_and(|(yes, no)| is_word(yes.trim()) && is_word(no.trim()))
}

fn is_one_of(words: &str, word: &str) -> bool {
    words.split(' ').any(|it| it == word)
}

fn is_word(text: &str) -> bool {
    is_name(text.as_bytes())
}

/// `name(argument),name,…`; commas and parentheses in arguments and in quotes are theirs.
fn split(expression: &str) -> Vec<(&str, Option<&str>)> {
    let (mut depth, mut quote, mut start) = (0_usize, None, 0);
    let mut parts = Vec::new();
    for (at, letter) in expression.char_indices() {
        match (letter, quote) {
            (',', None) if depth == 0 => {
                parts.extend(expression.get(start..at));
                start = at + 1;
            }
            ('"' | '\'', None) if depth > 0 => quote = Some(letter),
            (letter, Some(open)) if letter == open => quote = None,
            ('(', None) => depth += 1,
            (')', None) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    parts.extend(expression.get(start..));
    let named = parts
        .into_iter()
        .map(|part| match part.trim().split_once('(') {
            Some((name, argument)) => (name.trim(), argument.strip_suffix(')')),
            None => (part.trim(), None),
        });
    named.collect()
}
