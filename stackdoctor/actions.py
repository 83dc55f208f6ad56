"""Names of actions, to tell a misspelt one from another one. Only used to word a finding, never to decide.

Kept as the Service Authorization Reference lists them (2026-11), through cfn-lint 1.58.0's copy:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import fnmatch

_NAMES = {
    "kms": """
        cancelkeydeletion connectcustomkeystore createalias createcustomkeystore creategrant createkey decrypt deletealias
        deletecustomkeystore deleteimportedkeymaterial derivesharedsecret describecustomkeystores describekey disablekey
        disablekeyrotation disconnectcustomkeystore enablekey enablekeyrotation encrypt generatedatakey generatedatakeypair
        generatedatakeypairwithoutplaintext generatedatakeywithoutplaintext generatemac generaterandom getkeylastusage
        getkeypolicy getkeyrotationstatus getparametersforimport getpublickey importkeymaterial listaliases listgrants
        listkeypolicies listkeyrotations listkeys listresourcetags listretirablegrants putkeypolicy reencryptfrom reencryptto
        replicatekey retiregrant revokegrant rotatekeyondemand schedulekeydeletion sign synchronizemultiregionkey tagresource
        untagresource updatealias updatecustomkeystore updatekeydescription updateprimaryregion verify verifymac
        """,
    "s3": """
        abortmultipartupload allowvendedlogdeliveryforresource associateaccessgrantsidentitycenter bypassgovernanceretention
        createaccessgrant createaccessgrantsinstance createaccessgrantslocation createaccesspoint createaccesspointforobjectlambda
        createbucket createbucketmetadatatableconfiguration createjob createmultiregionaccesspoint createstoragelensgroup
        deleteaccessgrant deleteaccessgrantsinstance deleteaccessgrantsinstanceresourcepolicy deleteaccessgrantslocation
        deleteaccesspoint deleteaccesspointforobjectlambda deleteaccesspointpolicy deleteaccesspointpolicyforobjectlambda
        deletebucket deletebucketmetadatatableconfiguration deletebucketpolicy deletebucketwebsite deletejobtagging
        deletemultiregionaccesspoint deleteobject deleteobjectannotation deleteobjecttagging deleteobjectversion
        deleteobjectversionannotation deleteobjectversiontagging deletestoragelensconfiguration
        deletestoragelensconfigurationtagging deletestoragelensgroup describejob describemultiregionaccesspointoperation
        dissociateaccessgrantsidentitycenter getaccelerateconfiguration getaccessgrant getaccessgrantsinstance
        getaccessgrantsinstanceforprefix getaccessgrantsinstanceresourcepolicy getaccessgrantslocation getaccesspoint
        getaccesspointconfigurationforobjectlambda getaccesspointforobjectlambda getaccesspointpolicy
        getaccesspointpolicyforobjectlambda getaccesspointpolicystatus getaccesspointpolicystatusforobjectlambda
        getaccountpublicaccessblock getanalyticsconfiguration getbucketabac getbucketacl getbucketcors getbucketlocation
        getbucketlogging getbucketmetadatatableconfiguration getbucketnotification getbucketobjectlockconfiguration
        getbucketownershipcontrols getbucketpolicy getbucketpolicystatus getbucketpublicaccessblock getbucketrequestpayment
        getbuckettagging getbucketversioning getbucketwebsite getdataaccess getencryptionconfiguration
        getintelligenttieringconfiguration getinventoryconfiguration getjobtagging getlifecycleconfiguration
        getmetricsconfiguration getmultiregionaccesspoint getmultiregionaccesspointpolicy getmultiregionaccesspointpolicystatus
        getmultiregionaccesspointroutes getobject getobjectacl getobjectannotation getobjectattributes getobjectlegalhold
        getobjectretention getobjecttagging getobjecttorrent getobjectversion getobjectversionacl getobjectversionannotation
        getobjectversionannotationforreplication getobjectversionattributes getobjectversionforreplication getobjectversiontagging
        getobjectversiontorrent getreplicationconfiguration getstoragelensconfiguration getstoragelensconfigurationtagging
        getstoragelensdashboard getstoragelensgroup initiatereplication listaccessgrants listaccessgrantsinstances
        listaccessgrantslocations listaccesspoints listaccesspointsforobjectlambda listallmybuckets listbucket
        listbucketmultipartuploads listbucketversions listcalleraccessgrants listjobs listmultipartuploadparts
        listmultiregionaccesspoints listobjectannotations listobjectversionannotations liststoragelensconfigurations
        liststoragelensgroups listtagsforresource objectowneroverridetobucketowner pausereplication putaccelerateconfiguration
        putaccessgrantsinstanceresourcepolicy putaccesspointconfigurationforobjectlambda putaccesspointpolicy
        putaccesspointpolicyforobjectlambda putaccesspointpublicaccessblock putaccountpublicaccessblock putanalyticsconfiguration
        putbucketabac putbucketacl putbucketcors putbucketlogging putbucketnotification putbucketobjectlockconfiguration
        putbucketownershipcontrols putbucketpolicy putbucketpublicaccessblock putbucketrequestpayment putbuckettagging
        putbucketversioning putbucketwebsite putencryptionconfiguration putintelligenttieringconfiguration
        putinventoryconfiguration putjobtagging putlifecycleconfiguration putmetricsconfiguration putmultiregionaccesspointpolicy
        putobject putobjectacl putobjectannotation putobjectlegalhold putobjectretention putobjecttagging putobjectversionacl
        putobjectversionannotation putobjectversiontagging putreplicationconfiguration putstoragelensconfiguration
        putstoragelensconfigurationtagging replicatedelete replicateobject replicateobjectannotation replicatetags restoreobject
        submitmultiregionaccesspointroutes tagresource untagresource updateaccessgrantslocation
        updatebucketmetadataannotationtableconfiguration updatebucketmetadatainventorytableconfiguration
        updatebucketmetadatajournaltableconfiguration updatejobpriority updatejobstatus updateobjectencryption
        updatestoragelensgroup
        """,
    "sns": """
        addpermission checkifphonenumberisoptedout confirmsubscription createplatformapplication createplatformendpoint
        createsmssandboxphonenumber createtopic deleteendpoint deleteplatformapplication deletesmssandboxphonenumber deletetopic
        getdataprotectionpolicy getendpointattributes getplatformapplicationattributes getsmsattributes getsmssandboxaccountstatus
        getsubscriptionattributes gettopicattributes listendpointsbyplatformapplication listoriginationnumbers
        listphonenumbersoptedout listplatformapplications listsmssandboxphonenumbers listsubscriptions listsubscriptionsbytopic
        listtagsforresource listtopics optinphonenumber publish putdataprotectionpolicy removepermission setendpointattributes
        setplatformapplicationattributes setsmsattributes setsubscriptionattributes settopicattributes subscribe tagresource
        unsubscribe untagresource verifysmssandboxphonenumber
        """,
    "sqs": """
        addpermission cancelmessagemovetask changemessagevisibility createqueue deletemessage deletequeue getqueueattributes
        getqueueurl listdeadlettersourcequeues listmessagemovetasks listqueues listqueuetags purgequeue receivemessage
        removepermission sendmessage setqueueattributes startmessagemovetask tagqueue untagqueue
        """,
    "lambda": """
        addlayerversionpermission addpermission checkpointdurableexecution connectmicrovm createalias createcapacityprovider
        createcodesigningconfig createeventsourcemapping createfunction createfunctionurlconfig createmicrovmauthtoken
        createmicrovmimage createmicrovmshellauthtoken createnetworkconnector createwebfunction createwebfunctionendpoint
        createwebfunctionrevision deletealias deletecapacityprovider deletecodesigningconfig deleteeventsourcemapping
        deletefunction deletefunctioncodesigningconfig deletefunctionconcurrency deletefunctioneventinvokeconfig
        deletefunctionurlconfig deletelayerversion deletemicrovmimage deletemicrovmimageversion deletenetworkconnector
        deleteprovisionedconcurrencyconfig deleteresourcepolicy deletewebfunction deletewebfunctionendpoint
        deletewebfunctionrevision disablereplication enablereplication getaccountsettings getalias getcapacityprovider
        getcodesigningconfig getdurableexecution getdurableexecutionhistory getdurableexecutionstate geteventsourcemapping
        getfunction getfunctioncodesigningconfig getfunctionconcurrency getfunctionconfiguration getfunctioneventinvokeconfig
        getfunctionrecursionconfig getfunctionscalingconfig getfunctionurlconfig getlayerversion getlayerversionpolicy getmicrovm
        getmicrovmimage getmicrovmimagebuild getmicrovmimageversion getnetworkconnector getpolicy getprovisionedconcurrencyconfig
        getresourcepolicy getruntimemanagementconfig getwebaccountsettings getwebfunction getwebfunctionendpoint
        getwebfunctionrevision invokeasync invokefunction invokefunctionurl invokewebfunctionendpoint listaliases
        listcapacityproviders listcodesigningconfigs listdurableexecutionsbyfunction listeventsourcemappings
        listfunctioneventinvokeconfigs listfunctions listfunctionsbycodesigningconfig listfunctionurlconfigs
        listfunctionversionsbycapacityprovider listlayers listlayerversions listmanagedmicrovmimages
        listmanagedmicrovmimageversions listmicrovmimagebuilds listmicrovmimages listmicrovmimageversions listmicrovms
        listnetworkconnectors listnetworkconnectorversions listprovisionedconcurrencyconfigs listtags listversionsbyfunction
        listwebfunctionendpoints listwebfunctionrevisions listwebfunctions passcapacityprovider passnetworkconnector
        publishlayerversion publishversion putfunctioncodesigningconfig putfunctionconcurrency putfunctioneventinvokeconfig
        putfunctionrecursionconfig putfunctionscalingconfig putprovisionedconcurrencyconfig putresourcepolicy
        putruntimemanagementconfig removelayerversionpermission removepermission resumemicrovm runmicrovm
        senddurableexecutioncallbackfailure senddurableexecutioncallbackheartbeat senddurableexecutioncallbacksuccess
        stopdurableexecution suspendmicrovm tagresource terminatemicrovm untagresource updatealias updatecapacityprovider
        updatecodesigningconfig updateeventsourcemapping updatefunctioncode updatefunctioncodesigningconfig
        updatefunctionconfiguration updatefunctioneventinvokeconfig updatefunctionurlconfig updatemicrovmimage
        updatemicrovmimageversion updatenetworkconnector updatewebfunctionendpoint
        """,
}
_KNOWN = {service: tuple(names.split()) for service, names in _NAMES.items()}


def is_action(pattern: str) -> bool | None:
    """Whether an action, or at least one a wildcard stands for, exists; None where the service's actions are not listed here."""
    service, _, name = pattern.lower().partition(":")
    known = _KNOWN.get(service)
    return None if known is None else bool(fnmatch.filter(known, name))
