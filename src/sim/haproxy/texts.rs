//! HAProxy's texts as version 2.6.12 writes them: headers, rows, error texts. What they are filled
//! with is the business of `haproxy` and `rows`.

/// First line of `show stat`.
pub(super) const STAT_HEADER: &str = concat!(
    "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,",
    "wredis,status,weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,",
    "throttle,lbtot,tracked,type,rate,rate_lim,rate_max,check_status,check_code,",
    "check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,",
    "req_rate,req_rate_max,req_tot,cli_abrt,srv_abrt,comp_in,comp_out,comp_byp,comp_rsp,",
    "lastsess,last_chk,last_agt,qtime,ctime,rtime,ttime,agent_status,agent_code,",
    "agent_duration,check_desc,agent_desc,check_rise,check_fall,check_health,agent_rise,",
    "agent_fall,agent_health,addr,cookie,mode,algo,conn_rate,conn_rate_max,conn_tot,",
    "intercepted,dcon,dses,wrew,connect,reuse,cache_lookups,cache_hits,srv_icur,src_ilim,",
    "qtime_max,ctime_max,rtime_max,ttime_max,eint,idle_conn_cur,safe_conn_cur,used_conn_cur,",
    "need_conn_est,uweight,agg_server_status,agg_server_check_status,agg_check_status,-,",
    "ssl_sess,ssl_reused_sess,ssl_failed_handshake,h2_headers_rcvd,h2_data_rcvd,",
    "h2_settings_rcvd,h2_rst_stream_rcvd,h2_goaway_rcvd,h2_detected_conn_protocol_errors,",
    "h2_detected_strm_protocol_errors,h2_rst_stream_resp,h2_goaway_resp,h2_open_connections,",
    "h2_backend_open_streams,h2_total_connections,h2_backend_total_streams,",
    "h1_open_connections,h1_open_streams,h1_total_connections,h1_total_streams,h1_bytes_in,",
    "h1_bytes_out,h1_spliced_bytes_in,h1_spliced_bytes_out,",
);

/// A FRONTEND row without traffic.
pub(super) const FRONTEND_ROW: &str = concat!(
    "shop,FRONTEND,,,0,0,9985,0,0,0,0,0,0,,,,,OPEN,,,,,,,,,1,2,0,,,,0,0,0,0,,,,0,0,0,0,0,0,,",
    "0,0,0,,,0,0,0,0,,,,,,,,,,,,,,,,,,,,,http,,0,0,0,0,0,0,0,,,0,0,,,,,,,0,,,,,,,,,-,0,0,0,0,",
    "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,",
);

/// A BACKEND row without traffic.
pub(super) const BACKEND_ROW: &str = concat!(
    "web,BACKEND,0,0,0,0,999,0,0,0,0,0,,0,0,0,0,UP,1,1,0,,1,0,1,,1,3,0,,0,,1,0,,0,,,,0,0,0,0,",
    "0,0,,,,0,0,0,0,0,0,0,-1,,,0,0,0,0,,,,,,,,,,,,,,http,roundrobin,,,,,,,0,0,0,0,0,,,0,0,0,",
    "0,0,,,,,1,0,0,0,-,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,3,3,224,36,0,0,",
);

/// The row of a server in maintenance that never had traffic.
pub(super) const SERVER_ROW: &str = concat!(
    "web,web2,0,0,0,0,,0,0,0,,0,,0,0,0,0,MAINT,1,1,0,0,0,1,1,,1,3,2,,0,,2,0,,0,,,,0,0,0,0,0,",
    "0,,,,0,0,0,,,,,-1,,,0,0,0,0,,,,,,,,,,,,127.0.0.1:18982,,http,,,,,,,,0,0,0,,,0,,0,0,0,0,",
    "0,0,0,0,0,1,,,,-,0,0,0,,,,,,,,,,,,,,,,,,,,,,",
);

/// Second line of `show servers state`; the first is its version, `1`.
pub(super) const STATE_HEADER: &str = concat!(
    "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight ",
    "srv_iweight srv_time_since_last_change srv_check_status srv_check_result ",
    "srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id ",
    "srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr ",
    "srv_agent_port",
);

/// `show info` of an idle process, `NAME=VALUE;…`; what has no value here is filled in.
pub(super) const INFO: &str = concat!(
    "Name=HAProxy;Version=;Release_date=2023/03/28;Nbthread=2;Nbproc=1;Process_num=1;Pid=;",
    "Uptime=;Uptime_sec=;Memmax_MB=0;PoolAlloc_MB=0;PoolUsed_MB=0;PoolFailed=0;Ulimit-n=20000;",
    "Maxsock=20000;Maxconn=9985;Hard_maxconn=9985;CurrConns=0;CumConns=0;CumReq=0;MaxSslConns=0;",
    "CurrSslConns=0;CumSslConns=0;Maxpipes=0;PipesUsed=0;PipesFree=0;ConnRate=0;ConnRateLimit=0;",
    "MaxConnRate=0;SessRate=0;SessRateLimit=0;MaxSessRate=0;SslRate=0;SslRateLimit=0;",
    "MaxSslRate=0;SslFrontendKeyRate=0;SslFrontendMaxKeyRate=0;SslFrontendSessionReuse_pct=0;",
    "SslBackendKeyRate=0;SslBackendMaxKeyRate=0;SslCacheLookups=0;SslCacheMisses=0;",
    "CompressBpsIn=0;CompressBpsOut=0;CompressBpsRateLim=0;Tasks=15;Run_queue=0;Idle_pct=100;",
    "node=;Stopping=0;Jobs=3;Unstoppable Jobs=0;Listeners=2;ActivePeers=0;ConnectedPeers=0;",
    "DroppedLogs=0;BusyPolling=0;FailedResolutions=0;TotalBytesOut=0;TotalSplicdedBytesOut=0;",
    "BytesOutRate=0;DebugCommandsIssued=0;CumRecvLogs=0;Build info=;Memmax_bytes=0;",
    "PoolAlloc_bytes=107008;PoolUsed_bytes=107008;Start_time_sec=;Tainted=0",
);

/// The version that is pretended. The suffix says what answers.
pub(super) const VERSION: &str = "2.6.12-pretend";
/// `set server B/S state WORD` with another word.
pub(super) const WRONG_STATE: &str =
    "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n";
/// `set server B/S` with nothing that is known behind it.
pub(super) const SET_SERVER_USAGE: &str = concat!(
    "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | ",
    "check-addr | check-port | fqdn | health | ssl | state | weight\n",
);
/// A setter without `B/S`.
pub(super) const REQUIRE_NAME: &str = "Require 'backend/server'.\n";
/// A setter with another backend.
pub(super) const NO_BACKEND: &str = "No such backend.\n";
/// A setter with another server.
pub(super) const NO_SERVER: &str = "No such server.\n";
/// `show servers state` with another backend.
pub(super) const CANNOT_FIND_BACKEND: &str = "Can't find backend.\n";
/// `show stat` with another proxy.
pub(super) const NO_PROXY: &str = "No such proxy.\n";
/// Anything else.
pub(super) const UNKNOWN: &str = concat!(
    "Unknown command, but maybe one of the following ones is a better match:\n",
    "  help [<command>]                        : list matching or all commands\n",
    "  prompt                                  : toggle interactive mode with prompt\n",
    "  quit                                    : disconnect\n",
);
